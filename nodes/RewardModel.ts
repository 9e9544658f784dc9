/**
 * reward-model: a Bradley-Terry reward model (Ouyang et al. 2022, equation 1), TRL's RewardTrainer. A step over a batch of
 * pairs minimises the mean of
 *
 *     - log sigmoid(s(chosen) - s(rejected)) + center_coefficient (s(chosen) + s(rejected))^2
 *
 * with s a linear score of the last token's hidden state, the end-of-sequence token's. The score head takes the place of the
 * language-model head and begins as zeros; what is made is a checkpoint for sequence classification with one label. It
 * reads the tokens that the policy it began from writes, and reward-score needs it to be one of the same tokenizer.
 *
 * @errors NotOnePolicy, OtherBaseWeights, PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Policy, PreferencePairs } from "gemflow/artifacts"
import { adapterField } from "./config/Adapter.ts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, trainingDevices } from "./config/Devices.ts"
import { evaluateEverySteps } from "./config/Evaluation.ts"
import { Count, NonNegative, optional, Positive } from "./config/Field.ts"
import { maxLength } from "./config/MaxLength.ts"
import { optimiserFields, optimiserOf } from "./config/Optimiser.ts"
import { type EncodedPair, encodePairs } from "./pairs/EncodePairs.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { trainObjective } from "./policy/TrainObjective.ts"
import { epochBatches } from "./statistics/EpochBatches.ts"

const Pairs = TableType.pick(PreferencePairs, "prompt", "chosen", "rejected")

export const RewardModel = Node.make("reward-model", {
  doc: "Trains a reward model on preference pairs.",
  module: import.meta.url,
  config: Schema.Struct({
    batch_pairs: optional(Count, 64, "Pairs per optimiser step; 64 in Ouyang et al. 2022."),
    center_coefficient: optional(
      NonNegative,
      0,
      "Keeps scores around 0 (Eisenstein et al. 2023): TRL's center_rewards_coefficient, off by default; it recommends 0.01."
    ),
    ...optimiserFields,
    learning_rate: optional(Positive, 1e-4, "Largest learning rate; 1e-4 in TRL's RewardConfig."),
    evaluate_every_steps: evaluateEverySteps,
    max_length: maxLength,
    cot_suffix: cotSuffix,
    adapter: adapterField,
    devices: trainingDevices
  }),
  inputs: { policy: PolicyInput, pairs: Pairs, held_out: Node.many(Pairs) },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("RewardModel.run")(function*({ config, inputs, progress }) {
    const { bradleyTerry, rewardItems } = yield* Effect.promise(() => import("../runtime/policy/loss/Reward.ts"))
    const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
    const pairs = yield* encodePairs(policy, inputs.pairs.rows(), config)
    const heldOut = yield* encodePairs(policy, inputs.held_out.flatMap((table) => table.rows()), config)
    const objective = bradleyTerry({ centerCoefficient: config.center_coefficient })
    return yield* trainObjective({
      policy,
      files,
      adapter: config.adapter,
      objective,
      steps: epochBatches(pairs.map(sequencesOf), config.batch_pairs, config).map(rewardItems),
      evaluate: { objective, items: rewardItems(heldOut.map(sequencesOf)), everySteps: config.evaluate_every_steps },
      optimiser: optimiserOf(config),
      origin: "reward-model",
      truncated: pairs.filter(({ truncated }) => truncated).length,
      progress
    })
  })
})

const sequencesOf = ({ chosen, prompt, rejected }: EncodedPair) => ({
  chosen: { prompt, response: chosen },
  rejected: { prompt, response: rejected }
})
