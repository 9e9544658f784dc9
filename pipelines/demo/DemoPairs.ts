/** demo-pairs: the graded preference pairs that ship with the demo policy (pipelines/demo/pairs.ts). */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { preferencePairs } from "./pairs.ts"
import { PairRows } from "./tables.ts"

const Pairs = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

export const DemoPairs = Node.make("demo-pairs", {
  doc: "Generates preference pairs of graded difficulty.",
  module: import.meta.url,
  config: Schema.Struct({ pairs: Pairs, seed: Schema.Int, held_out: Schema.Boolean }),
  inputs: {},
  output: PairRows,
  determinism: "exact",
  run: ({ config }) => Effect.sync(() => preferencePairs(config.seed, config.pairs, { heldOut: config.held_out }))
})
