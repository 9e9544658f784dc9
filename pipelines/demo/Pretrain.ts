/**
 * pretrain: one pass over the corpus; the loss of a step is the mean negative log-likelihood of its response tokens.
 * Documents of similar length go into one step, so that little of a batch is padding.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { Policy } from "gemflow/artifacts"
import { Count } from "../../nodes/config/Field.ts"
import { optimiserFields, optimiserOf } from "../../nodes/config/Optimiser.ts"
import { openInput, PolicyInput } from "../../nodes/policy/OpenInput.ts"
import { trainPolicy } from "../../nodes/policy/TrainPolicy.ts"
import { batches } from "./batches.ts"
import { Documents } from "./tables.ts"

export const Pretrain = Node.make("pretrain", {
  doc: "Trains the policy on the corpus.",
  module: import.meta.url,
  config: Schema.Struct({ batch_documents: Count, ...optimiserFields }),
  inputs: { policy: PolicyInput, documents: Documents },
  output: Policy,
  determinism: "seeded",
  device: true,
  run: Effect.fn("Pretrain.run")(function*({ config, inputs, progress }) {
    const { files, policy } = yield* openInput(inputs.policy)
    const { encodeChat, encodeResponse } = policy.tokenizer
    const sequences = yield* Effect.forEach(inputs.documents.rows(), ({ prompt, response }) =>
      Effect.all({
        prompt: encodeChat([{ role: "user", content: prompt }]),
        response: encodeResponse(response)
      }))
    return yield* trainPolicy({
      policy,
      files,
      steps: batches(sequences, config.batch_documents, config.seed),
      optimiser: optimiserOf(config),
      origin: "pretrain",
      truncated: 0,
      progress
    })
  })
})
