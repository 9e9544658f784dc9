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

/** An input that takes any number of tables, none where it is left out; `run` gets them as an array in wiring order. */
export interface Many<out T extends TableType.Any> {
  readonly _tag: "Many"
  readonly type: T
}

/** What a node reads: a table type per input name. */
export type Inputs = Readonly<Record<string, TableType.Any | Many<TableType.Any>>>

/**
 * The inputs of a node as wired. The compiler infers `Given` from what is written and shows, at an input that does not
 * fit, a sentence that says why.
 */
export type Wires<In extends Inputs, Given> =
  & {
    readonly [Name in keyof Given]: Name extends keyof In ? Wire<In[Name], Given[Name]>
      : `This node has no input named ${Name & string}; it has ${keyof In & string}.`
  }
  & {
    readonly [Name in Exclude<Needed<In>, keyof Given>]: Handle<TableOf<In[Name]>>
  }

/** The inputs that have to be wired: those that take one table. */
type Needed<In extends Inputs> = {
  readonly [Name in keyof In]: In[Name] extends TableType.Any ? Name : never
}[keyof In]

type Wire<Input, Given> = Input extends Many<infer Required>
  ? Given extends ReadonlyArray<infer Item>
    ? [Verdict<Required, Item>] extends [never] ? Given : Verdict<Required, Item>
  : `This input takes a list of tables: write [table].`
  : [Verdict<Input, Given>] extends [never] ? Given
  : Verdict<Input, Given>

type TableOf<Input> = Input extends TableType.Any ? Input : never

/** Never when the table fits, else why it does not. */
type Verdict<Required, Given> = Given extends Handle<infer Provided>
  ? Required extends TableType.Any
    ? [Missing<Required, Provided>] extends [never] ? [Mistyped<Required, Provided>] extends [never] ? never
      : `This table's column ${Mistyped<Required, Provided>} has another type than this input declares.`
    : `This table has no column ${Missing<Required, Provided>}, which this input needs.`
  : never
  : "This input takes the table of a node: write what calling the node returned."

/** The columns that are required and not provided. */
export type Missing<Required extends TableType.Any, Provided extends TableType.Any> =
  & Exclude<keyof Required["columns"], keyof Provided["columns"]>
  & string

/** The columns that are provided with another type than is required. */
export type Mistyped<Required extends TableType.Any, Provided extends TableType.Any> =
  & {
    readonly [Name in keyof Required["columns"]]: Name extends keyof Provided["columns"]
      ? Provided["columns"][Name] extends Required["columns"][Name] ? never : Name
      : never
  }[keyof Required["columns"]]
  & string

export const isHandle = (value: unknown): value is Handle<TableType.Any> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Handle"
