/** A reward model of the training pairs, and rounds of PPO against it, held to the SFT policy. */
import { rounds } from "gemflow"
import { Ppo, ReferenceLogProbs, RewardModel, RewardScore, Sample, TrainingCurve } from "gemflow/nodes"
import { comparison } from "./comparison.ts"

export default comparison("ppo", ({ heldOut, sft, train }) => {
  const rewardModel = RewardModel(
    { batch_pairs: 16, epochs: 3, learning_rate: 2e-4, evaluate_every_steps: 6 },
    { policy: sft, pairs: train, held_out: [heldOut] }
  )
  const policies = rounds.all(3, sft, (policy, round) => {
    const candidates = Sample(
      { candidates: 2, temperature: 1, max_new_tokens: 80, seed: round },
      { policy, pairs: train }
    )
    const scores = RewardScore({ missing_eos_penalty: 1 }, { reward_model: rewardModel, candidates })
    const reference = ReferenceLogProbs({}, { reference: sft, candidates })
    return Ppo({ batch_prompts: 64, learning_rate: 5e-5 }, { policy, candidates, scores, reference })
  })
  TrainingCurve({ label: "reward-model" }, { policies: [rewardModel] }, { name: "reward-model-curve" })
  TrainingCurve({ label: "ppo" }, { policies })
  return Object.fromEntries(policies.map((policy, index) => [`ppo round ${index + 1}`, policy]))
})
