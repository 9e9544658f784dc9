/**
 * reflective-sft: GEM's warm start (arXiv 2511.13007): fine-tunes the policy on the chosen responses, (q, a+).
 *
 * The loss is the mean negative log-likelihood of the response tokens, the end-of-sequence token included
 * (nodes/sft/SftSteps.ts); prompts carry no loss. A chosen response that occurs in several pairs of a prompt is trained on
 * once per epoch. Sequences longer than the context are cut and counted in `truncated`.
 * `held_out` pairs, where they are wired, give eval_ curves: what DPO would say of them (nodes/pairs/HeldOut.ts).
 *
 * @errors PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Policy, PreferencePairs } from "gemflow/artifacts"
import { adapterField } from "./config/Adapter.ts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, trainingDevices } from "./config/Devices.ts"
import { evaluateEverySteps } from "./config/Evaluation.ts"
import { Count, optional } from "./config/Field.ts"
import { optimiserFields, optimiserOf } from "./config/Optimiser.ts"
import { asDpoSeesThem, heldOutInput } from "./pairs/HeldOut.ts"
import { fitSequence } from "./policy/FitSequence.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { trainPolicy } from "./policy/TrainPolicy.ts"
import { instructed } from "./prompt/Instructed.ts"
import { sftSteps } from "./sft/SftSteps.ts"

export const ReflectiveSft = Node.make("reflective-sft", {
  doc: "Fine-tunes the policy on the chosen responses.",
  module: import.meta.url,
  config: Schema.Struct({
    batch_pairs: optional(Count, 128, "Pairs per optimiser step; the paper's batch is 128."),
    ...optimiserFields,
    evaluate_every_steps: evaluateEverySteps,
    adapter: adapterField,
    cot_suffix: cotSuffix,
    devices: trainingDevices
  }),
  inputs: {
    policy: PolicyInput,
    pairs: TableType.pick(PreferencePairs, "prompt_id", "prompt", "chosen"),
    held_out: heldOutInput
  },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("ReflectiveSft.run")(function*({ config, inputs, progress }) {
    const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
    const { bosId, encodeChat, encodeResponse } = policy.tokenizer
    const distinct = new Map(inputs.pairs.rows().map((pair) => [JSON.stringify([pair.prompt_id, pair.chosen]), pair]))
    const sequences = yield* Effect.forEach(distinct.values(), ({ chosen, prompt }) =>
      Effect.gen(function*() {
        const tokens = yield* encodeChat(instructed(prompt, config.cot_suffix))
        return fitSequence(tokens, yield* encodeResponse(chosen), { contextLength: policy.contextLength, bosId })
      }))
    return yield* trainPolicy({
      policy,
      files,
      adapter: config.adapter,
      steps: sftSteps(sequences, config),
      optimiser: optimiserOf(config),
      origin: "reflective-sft",
      truncated: sequences.filter(({ truncated }) => truncated).length,
      evaluate: yield* asDpoSeesThem(inputs.held_out, config.evaluate_every_steps),
      progress
    })
  })
})
