/** random-policy: a Llama with random weights, where pretraining from nothing begins. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { ArtifactStore, Policy } from "gemflow/artifacts"
import { untrained } from "../../nodes/policy/PolicyRow.ts"
import { TokenizerFiles } from "./tables.ts"

const architecture = "LlamaForCausalLM"

const Size = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

export const RandomPolicy = Node.make("random-policy", {
  doc: "Draws the initial weights of a Llama.",
  module: import.meta.url,
  config: Schema.Struct({
    hidden_size: Size,
    intermediate_size: Size,
    layers: Size,
    heads: Size,
    key_value_heads: Size,
    context_length: Size,
    initializer_range: Schema.Finite.check(Schema.isGreaterThan(0)),
    seed: Schema.Int
  }),
  inputs: { tokenizer: TokenizerFiles },
  output: Policy,
  determinism: "exact",
  run: Effect.fn("RandomPolicy.run")(function*({ config, inputs }) {
    const { createCheckpoint } = yield* Effect.promise(() =>
      import("../../runtime/policy/checkpoint/CreateCheckpoint.ts")
    )
    const { parameterCount } = yield* Effect.promise(() => import("../../runtime/policy/model/ModelTensors.ts"))
    const files = yield* FileSystem.FileSystem
    const store = yield* ArtifactStore
    const llama = (vocabularySize: number) => ({
      architecture,
      vocabularySize,
      hiddenSize: config.hidden_size,
      intermediateSize: config.intermediate_size,
      layers: config.layers,
      heads: config.heads,
      keyValueHeads: config.key_value_heads,
      headSize: config.hidden_size / config.heads,
      contextLength: config.context_length,
      normEpsilon: 1e-5,
      ropeTheta: 10_000,
      tiedEmbeddings: true,
      initializerRange: config.initializer_range
    })
    return yield* Effect.forEach(inputs.tokenizer.rows(), ({ tokenizer, vocabulary }) =>
      Effect.gen(function*() {
        const directory = yield* files.makeTempDirectoryScoped()
        yield* createCheckpoint({
          directory,
          config: llama(vocabulary),
          tokenizer: yield* store.directoryPath(tokenizer),
          seed: config.seed
        })
        const checkpoint = yield* store.putDirectory(directory)
        const parameters = parameterCount(llama(vocabulary))
        return untrained({ checkpoint }, { architecture, parameters, origin: "random-policy", truncated: 0 })
      }))
  })
})
