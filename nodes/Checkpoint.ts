/**
 * checkpoint: a policy from a HuggingFace directory (config.json, model.safetensors, tokenizer.json, tokenizer_config.json
 * with its chat template). It is opened once, which checks the architecture, every tensor's shape and type, and the
 * tokenizer; then a copy goes to the artifact store, so that later edits of the directory change no result.
 *
 * With `base_weights` every node that runs the policy computes with its linear layers quantised, from the first sample on; it
 * is then trained by an adapter alone.
 *
 * @errors CheckpointError names the file, and the field or tensor, that is wrong.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InputDirectory, Node } from "gemflow"
import { ArtifactStore, Policy } from "gemflow/artifacts"
import { baseWeightsField } from "./config/Adapter.ts"
import { documented } from "./config/Field.ts"
import { untrained } from "./policy/PolicyRow.ts"

export const Checkpoint = Node.make("checkpoint", {
  doc: "Takes a policy from a HuggingFace directory into the store.",
  module: import.meta.url,
  config: Schema.Struct({
    path: documented(InputDirectory, "The HuggingFace directory of a Llama, Qwen or Mistral model."),
    adapter: Schema.optionalKey(
      documented(
        InputDirectory,
        "A PEFT directory: a LoRA adapter of this model, as the peft library or gemflow saved it."
      )
    ),
    base_weights: baseWeightsField
  }),
  inputs: {},
  output: Policy,
  determinism: "exact",
  run: Effect.fn("Checkpoint.run")(function*({ config }) {
    const { openPolicy } = yield* Effect.promise(() => import("../runtime/policy/OpenPolicy.ts"))
    // Opening reads headers and tokenizer only; nothing is computed, so any machine's CPU will do.
    const { config: model, parameters } = yield* openPolicy(config.path, "cpu", {
      ...(config.adapter !== undefined && { adapter: config.adapter })
    })
    const store = yield* ArtifactStore
    const digest = yield* store.putDirectory(config.path)
    const adapter = config.adapter === undefined ? null : yield* store.putDirectory(config.adapter)
    return [
      untrained({ checkpoint: digest, adapter, base_weights: config.base_weights ?? null }, {
        architecture: model.architecture,
        parameters,
        origin: "checkpoint",
        truncated: 0
      })
    ]
  })
})
