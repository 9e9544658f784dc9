import * as Schema from "effect/Schema"

/** A table ready to be shown: what its cells say, before they are laid out for a window. */
export const ShownTable = Schema.Struct({
  columns: Schema.Array(Schema.Struct({ title: Schema.String, align: Schema.Literals(["left", "right"]) })),
  rows: Schema.Array(Schema.Array(Schema.String)),
  /** How many rows the table has beyond these. */
  hidden: Schema.Int
})
export type ShownTable = typeof ShownTable.Type
