import type * as TableType from "../../artifacts/TableType.ts"

/**
 * The output of a node instance, as pipeline code passes it on: a name and a table type, no data. Handles are
 * structural like table types: one with more columns may be wired where fewer are asked for.
 */
export interface Handle<out T extends TableType.Any> {
  readonly _tag: "Handle"
  /** The name of the instance that makes the table. */
  readonly instance: string
  readonly type: T
}

/** An input that takes any number of tables; `run` gets them as an array in wiring order. */
export interface Many<out T extends TableType.Any> {
  readonly _tag: "Many"
  readonly type: T
}

/** What a node reads: a table type per input name. */
export type Inputs = Readonly<Record<string, TableType.Any | Many<TableType.Any>>>

/** One input as wired, before its columns are checked. */
export type Wire<Input> = Input extends Many<TableType.Any> ? ReadonlyArray<Handle<TableType.Any>> : Handle<TableType.Any>

/** The inputs of a node as wired, before their columns are checked. */
export type Wires<In extends Inputs> = { readonly [Name in keyof In]: Wire<In[Name]> }

/** `Given` where it may be wired to `In`; where it may not, a sentence that the compiler shows at the wrong input. */
export type Checked<In extends Inputs, Given> = {
  readonly [Name in keyof Given]: Name extends keyof In ? CheckedInput<In[Name], Given[Name]>
    : `This node has no input named ${Name & string}; it has ${keyof In & string}.`
}

type CheckedInput<Input, Given> = Input extends Many<infer Required>
  ? Given extends ReadonlyArray<Handle<infer Provided>> ? Verdict<Required, Provided, Given> : never
  : Input extends TableType.Any ? Given extends Handle<infer Provided> ? Verdict<Input, Provided, Given> : never
  : never

type Verdict<Required extends TableType.Any, Provided extends TableType.Any, Given> =
  [Missing<Required, Provided>] extends [never]
    ? [Mistyped<Required, Provided>] extends [never] ? Given
    : `This table's column ${Mistyped<Required, Provided>} has another type than this input declares.`
    : `This table has no column ${Missing<Required, Provided>}, which this input needs.`

type Missing<Required extends TableType.Any, Provided extends TableType.Any> =
  & Exclude<keyof Required["columns"], keyof Provided["columns"]>
  & string

type Mistyped<Required extends TableType.Any, Provided extends TableType.Any> =
  & {
    readonly [Name in keyof Required["columns"]]: Name extends keyof Provided["columns"]
      ? Provided["columns"][Name] extends Required["columns"][Name] ? never : Name
      : never
  }[keyof Required["columns"]]
  & string

export const isHandle = (value: unknown): value is Handle<TableType.Any> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Handle"
