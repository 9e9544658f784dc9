/** That a node may be computed a partition of rows at a time: what its `map` says, checked. */
import * as Schema from "effect/Schema"
import type * as TableType from "../../artifacts/TableType.ts"
import type { Inputs } from "./Handle.ts"

/**
 * The node's output for a partition depends on no row of `over` outside it, and its output for the whole is that of the
 * partitions one after the other.
 */
export type MapOver<In extends Inputs> = {
  readonly [Name in keyof In & string]: In[Name] extends TableType.Any ? {
      /** The input whose rows are partitioned; every partition reads all other inputs whole. */
      readonly over: Name
      /** The column of `over`, or the columns, that make a group: rows with equal values are never separated. */
      readonly by: TableType.ColumnName<In[Name]> | ReadonlyArray<TableType.ColumnName<In[Name]>>
      /** Groups in a partition, on average (default 32). Work that is dear to begin wants more. */
      readonly groups?: number
    }
    : never
}[keyof In & string]

/** As `MapOver`, with the types forgotten. */
export interface Declared {
  readonly over: string
  readonly by: string | ReadonlyArray<string>
  readonly groups?: number
}

/** As declared, with the default filled in. */
export interface Mapped {
  readonly over: string
  readonly by: ReadonlyArray<string>
  readonly groups: number
}

const defaultGroups = 32

/** A node's `map` names an input or a column that the node does not have. */
export class InvalidMap extends Schema.TaggedError<InvalidMap>()("InvalidMap", {
  file: Schema.String,
  node: Schema.String,
  field: Schema.Literals(["over", "by", "groups"]),
  expected: Schema.String,
  found: Schema.String
}) {
  override get message(): string {
    const { expected, field, file, found, node } = this
    return `${file}: node ${node}: map.${field} is ${found}, but it has to be ${expected}.`
  }
}

/** @throws InvalidMap */
export const mapped = (node: string, inputs: Inputs, declared: Declared, file: () => string): Mapped => {
  const { groups = defaultGroups, over } = declared
  const by: ReadonlyArray<string> = typeof declared.by === "string" ? [declared.by] : declared.by
  const refuse = (field: InvalidMap["field"], found: unknown, expected: string) =>
    new InvalidMap({ file: file(), node, field, expected, found: JSON.stringify(found) ?? String(found) })
  const input = Object.hasOwn(inputs, over) ? inputs[over] : undefined
  if (input === undefined || "_tag" in input) {
    const single = Object.entries(inputs).flatMap(([name, input]) => "_tag" in input ? [] : [name])
    throw refuse(
      "over",
      over,
      `an input that takes one table (${single.length === 0 ? "there is none" : single.join(", ")})`
    )
  }
  const columns = Object.keys(input.columns)
  if (by.length === 0 || by.some((column) => !columns.includes(column))) {
    throw refuse("by", declared.by, `columns of the input ${over} (${columns.join(", ")})`)
  }
  if (!Number.isSafeInteger(groups) || groups < 1) throw refuse("groups", groups, "a whole number from 1 on")
  return { over, by, groups }
}
