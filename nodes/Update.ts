/**
 * update: SEGA, self-evaluated group advantage (GEM, arXiv 2511.13007). One step over a batch of Q prompts minimises
 *
 *     L = -(1/Q) sum_q (1/k_q) sum_i w_qi log pi(a_qi | q)
 *
 * where log pi(a | q) is the sum over response tokens, w is the advantage node's weight, and k_q counts the candidates of
 * the prompt that have an advantage (those that filter kept). No reference model, KL term, clipping of ratios or value
 * network. `normalise: "token"` takes the mean over response tokens instead of the sum, which is not the paper's loss: the sum
 * moves long responses more and, with equal weights, favours short ones.
 *
 * The prompt is `prompt_tokens`, as the policy read it when it sampled, so log pi is of that prompt and no other. The first
 * step after sampling is on-policy; within the later ones the candidates age, and nothing corrects for that.
 *
 * Curves have the names of TRL's GRPOTrainer (nodes/update/GroupMetrics.ts).
 * `held_out` pairs, where they are wired, give eval_ curves: what DPO would say of them (nodes/pairs/HeldOut.ts).
 *
 * @errors MissingCandidate, PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Advantages, Candidates, Policy } from "gemflow/artifacts"
import { adapterField } from "./config/Adapter.ts"
import { devicesOf, trainingDevices } from "./config/Devices.ts"
import { evaluateEverySteps } from "./config/Evaluation.ts"
import { Count, optional } from "./config/Field.ts"
import { optimiserFields, optimiserOf } from "./config/Optimiser.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { asDpoSeesThem, heldOutInput } from "./pairs/HeldOut.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { trainPolicy } from "./policy/TrainPolicy.ts"
import { groupMetrics } from "./update/GroupMetrics.ts"
import { segaBatches } from "./update/SegaSteps.ts"
import { weightedCandidates } from "./update/WeightedCandidates.ts"

export const Update = Node.make("update", {
  doc: "Takes SEGA steps: candidates above their group's mean become likelier, those below less likely.",
  module: import.meta.url,
  config: Schema.Struct({
    batch_prompts: optional(Count, 128, "Q: prompts per optimiser step; 128 in the paper."),
    normalise: optional(
      Schema.Literals(["none", "token"]),
      "none",
      "log pi of a response as the sum over its tokens, as in the paper, or as their mean."
    ),
    ...optimiserFields,
    evaluate_every_steps: evaluateEverySteps,
    adapter: adapterField,
    devices: trainingDevices
  }),
  inputs: {
    policy: PolicyInput,
    candidates: TableType.pick(Candidates, "candidate_id", "prompt_tokens", "tokens", "finished"),
    advantages: TableType.pick(Advantages, "candidate_id", "prompt_id", "reward", "weight"),
    held_out: heldOutInput
  },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("Update.run")(function*({ config, inputs, progress }) {
    const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
    const weighted = yield* weightedCandidates(inputs.candidates.rows(), inputs.advantages.rows(), {
      contextLength: policy.contextLength,
      bosId: policy.tokenizer.bosId
    })
    const batches = segaBatches([...byPrompt(weighted).values()], config)
    return yield* trainPolicy({
      policy,
      files,
      adapter: config.adapter,
      steps: batches.map(({ sequences }) => sequences),
      metrics: batches.map(({ groups }) => groupMetrics(groups)),
      optimiser: optimiserOf(config),
      origin: "update",
      truncated: weighted.filter(({ truncated }) => truncated).length,
      evaluate: yield* asDpoSeesThem(inputs.held_out, config.evaluate_every_steps),
      progress
    })
  })
})
