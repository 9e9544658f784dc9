/**
 * ppo: proximal policy optimisation (Schulman et al. 2017; for language Ziegler et al. 2019), TRL's PPOTrainer. Responses that
 * the policy sampled, each with a score and with the reference policy's log-probs, give rewards, advantages and returns
 * per token t,
 *
 *     r_t = - kl_coefficient (log pi_t - log pi_ref,t), plus the score at the last token
 *     A_t = sum_l (gamma lambda)^l (r_(t+l) + gamma v_(t+l+1) - v_(t+l)), whitened over all tokens        R_t = A_t + v_t
 *
 * and each step minimises, over the tokens of a batch of prompts' responses, the mean of
 *
 *     max(- A_t ratio_t, - A_t clamp(ratio_t, 1 - ratio_clip, 1 + ratio_clip)) + value_coefficient value loss
 *
 * with ratio_t = pi_t / old pi_t. Old log-probs are those that sample recorded, of the raw logits at temperature 1. The value
 * head is a linear layer on the policy's own trunk (TRL's AutoModelForCausalLMWithValueHead; its newer PPOTrainer has a
 * second model for values). It lies beside the policy, goes on to the next round, and begins as zeros, so that values of
 * a first round are 0. One execution is one round: PPO is `rounds` of sample, reward-score, reference-log-probs and ppo.
 *
 * @errors NotOnePolicy, OtherBaseWeights, CandidateNotThere, LogProbsOfOtherTokens, PolicyRequestError, TrainingDiverged,
 * SessionError, CheckpointError
 */
import { zipWith } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { Policy } from "gemflow/artifacts"
import type { Policy as OpenPolicy } from "../runtime/policy/Policy.ts"
import { adapterField } from "./config/Adapter.ts"
import { devicesOf, trainingDevices } from "./config/Devices.ts"
import { Count, NonNegative, optional, Positive, Share } from "./config/Field.ts"
import { optimiserFields, optimiserOf } from "./config/Optimiser.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { trainObjective } from "./policy/TrainObjective.ts"
import { joinRollouts, type Response, rolloutInputs, rolloutMetrics } from "./ppo/Rollouts.ts"
import { epochBatches } from "./statistics/EpochBatches.ts"

const Discount = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1 }, { expected: "a number from 0 to 1" })
)

export const Ppo = Node.make("ppo", {
  doc: "One round of proximal policy optimisation on responses that the policy sampled.",
  module: import.meta.url,
  config: Schema.Struct({
    kl_coefficient: optional(
      NonNegative,
      0.05,
      "Of the penalty, in the rewards, for leaving the reference policy: TRL's kl_coef, 0.05."
    ),
    ratio_clip: optional(Share, 0.2, "How far a token's probability may move within a round: TRL's cliprange, 0.2."),
    value_clip: optional(Positive, 0.2, "How far a token's value may move within a round: TRL's cliprange_value, 0.2."),
    value_coefficient: optional(NonNegative, 0.1, "Weight of the value loss: TRL's vf_coef, 0.1."),
    gamma: optional(Discount, 1, "Discount per token; 1 in TRL."),
    lambda: optional(Discount, 0.95, "Of generalised advantage estimation: TRL's lam, 0.95."),
    batch_prompts: optional(Count, 128, "Prompts per optimiser step, with all responses to them."),
    ...optimiserFields,
    epochs: optional(Count, 4, "Passes over a round's responses: TRL's num_ppo_epochs, 4."),
    learning_rate: optional(Positive, 3e-6, "Largest learning rate; 3e-6 in TRL's example."),
    adapter: adapterField,
    devices: trainingDevices
  }),
  inputs: { policy: PolicyInput, ...rolloutInputs },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("Ppo.run")(function*({ config, inputs, progress }) {
    const { ppo, ppoItems } = yield* Effect.promise(() => import("../runtime/policy/loss/Ppo.ts"))
    const { generalisedAdvantages } = yield* Effect.promise(() =>
      import("../runtime/policy/loss/GeneralisedAdvantages.ts")
    )
    const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
    const sampled = yield* joinRollouts(inputs)
    const values = yield* valuesOf(policy, sampled)
    const responses = zipWith(sampled, values, (response, values): Response => ({ ...response, values }))
    const estimates = generalisedAdvantages(responses, {
      klCoefficient: config.kl_coefficient,
      gamma: config.gamma,
      lambda: config.lambda
    })
    const rollouts = zipWith(responses, estimates, (response, estimate) => ({
      ...response,
      ...estimate,
      oldLogProbs: response.logProbs,
      oldValues: response.values
    }))
    const prompts = [...byPrompt(rollouts).values()]
    const batches = epochBatches(prompts, config.batch_prompts, config).map((batch) => batch.flat())
    return yield* trainObjective({
      policy,
      files,
      adapter: config.adapter,
      objective: ppo({
        clip: config.ratio_clip,
        valueClip: config.value_clip,
        valueCoefficient: config.value_coefficient,
        entropy: true
      }),
      steps: batches.map(ppoItems),
      metrics: batches.map((batch) => rolloutMetrics(batch, config.kl_coefficient)),
      optimiser: optimiserOf(config),
      origin: "ppo",
      truncated: 0,
      progress
    })
  })
})

/** The value of each response token; 0 before there is a value head. */
const valuesOf = (policy: OpenPolicy, responses: ReadonlyArray<Pick<Response, "sequence">>) => {
  const sequences = responses.map(({ sequence }) => sequence)
  return policy.hasValueHead
    ? policy.values({ sequences })
    : Effect.succeed(sequences.map(({ response }) => new Float32Array(response.length)))
}
