/**
 * pairwise-update: DPO in the place of update. It reads what update reads, pairs each prompt's best candidate with its worst by
 * their rewards, the second best with the second worst, and so on up to `pairs`, and takes DPO's steps on them (nodes/Dpo.ts).
 * The reference is the policy that sampled the candidates, whose log-probs are recorded with them. Behind a filter that
 * keeps top and bottom it makes of GEM its ablation "cognitive filtering + DPO":
 *
 *     variant(gem, "filtered-dpo", set(Filter, { keep: "top-bottom" }), swap("update", PairwiseUpdate, {}))
 *
 * Candidates of equal rewards, or with the same tokens, make no pair.
 *
 * @errors CandidateNotThere, NotOnePolicy, OtherBaseWeights, PolicyRequestError, TrainingDiverged, SessionError,
 * CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Advantages, Candidates, Policy } from "gemflow/artifacts"
import type { PreferencePair } from "../runtime/policy/loss/Preference.ts"
import { devicesOf } from "./config/Devices.ts"
import { dpoFields } from "./config/Dpo.ts"
import { Count, optional } from "./config/Field.ts"
import { byCandidate } from "./groups/ByCandidate.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { heldOutInput, pairsOf } from "./pairs/HeldOut.ts"
import { pairFields, trainOnPairs } from "./pairs/TrainOnPairs.ts"
import { PolicyInput } from "./policy/OpenInput.ts"
import { bestAgainstWorst } from "./ranking/BestAgainstWorst.ts"
import { sum } from "./statistics/Moments.ts"

export const PairwiseUpdate = Node.make("pairwise-update", {
  doc: "Takes DPO steps on pairs of each prompt's best and worst candidates.",
  module: import.meta.url,
  config: Schema.Struct({
    pairs: optional(Count, 1, "Pairs of each prompt, at most half of its candidates."),
    ...dpoFields,
    ...pairFields
  }),
  inputs: {
    policy: PolicyInput,
    candidates: TableType.pick(Candidates, "candidate_id", "prompt_tokens", "tokens", "token_log_prob"),
    advantages: TableType.pick(Advantages, "candidate_id", "prompt_id", "reward"),
    held_out: heldOutInput
  },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("PairwiseUpdate.run")(function*({ config, inputs, progress }) {
    const { dpo } = yield* Effect.promise(() => import("../runtime/policy/loss/Dpo.ts"))
    const candidate = byCandidate(inputs.candidates.rows(), { asked: "advantages", lacking: "candidates" })
    const pairs: Array<PreferencePair> = []
    for (const group of byPrompt(inputs.advantages.rows()).values()) {
      for (const [best, worst] of bestAgainstWorst(group, ({ reward }) => -reward, config.pairs)) {
        const [chosen, rejected] = [yield* candidate(best.candidate_id), yield* candidate(worst.candidate_id)]
        if (best.reward === worst.reward || chosen.tokens.join() === rejected.tokens.join()) continue
        pairs.push({
          chosen: { prompt: chosen.prompt_tokens, response: chosen.tokens },
          rejected: { prompt: rejected.prompt_tokens, response: rejected.tokens },
          reference: { chosen: sum(chosen.token_log_prob), rejected: sum(rejected.token_log_prob) }
        })
      }
    }
    const { beta, label_smoothing: labelSmoothing } = config
    return yield* trainOnPairs({
      config,
      policy: inputs.policy,
      pairs,
      truncated: 0,
      heldOut: pairsOf(inputs.held_out),
      objective: dpo({ beta, labelSmoothing, distributions: true }),
      origin: "pairwise-update",
      progress
    })
  })
})
