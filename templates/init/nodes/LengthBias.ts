import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Column, Node, TableType } from "gemflow"
import { PreferencePairs } from "gemflow/artifacts"

/** How much longer the chosen response of each pair is: judges often prefer the longer one. */
export const LengthBias = Node.make("length-bias", {
  module: import.meta.url,
  config: Schema.Struct({ unit: Schema.Literals(["characters", "words"]) }),
  inputs: { pairs: TableType.pick(PreferencePairs, "pair_id", "chosen", "rejected") },
  output: TableType.make("LengthBias", { pair_id: Column.utf8({ id: true }), longer_by: Column.int32() }),
  determinism: "exact",
  run: ({ config: { unit }, inputs: { pairs } }) => {
    const length = (text: string) => unit === "words" ? text.split(/\s+/).length : text.length
    return Effect.succeed(pairs.rows().map((row) => ({ ...row, longer_by: length(row.chosen) - length(row.rejected) })))
  }
})
