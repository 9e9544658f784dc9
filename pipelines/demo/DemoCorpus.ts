/** demo-corpus: the pretraining text of the demo policy, generated from a seed (pipelines/demo/corpus.ts). */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { pretrainingExample } from "./corpus.ts"
import { Documents } from "./tables.ts"

export const DemoCorpus = Node.make("demo-corpus", {
  doc: "Generates problems with worked chains, some of them with slips.",
  module: import.meta.url,
  config: Schema.Struct({
    documents: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
    seed: Schema.Int
  }),
  inputs: {},
  output: Documents,
  determinism: "exact",
  run: ({ config }) =>
    Effect.sync(() => Array.from({ length: config.documents }, (_, index) => pretrainingExample(config.seed, index)))
})
