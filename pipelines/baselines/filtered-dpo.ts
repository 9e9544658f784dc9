/** The ablation "cognitive filtering + DPO": GEM's ranking and filter choose pairs of the policy's own responses, DPO trains. */
import { rounds } from "gemflow"
import { Dpo, EntropyScore, Filter, PairsFromRanking, Rank, Sample, TrainingCurve } from "gemflow/nodes"
import { comparison } from "./comparison.ts"

export default comparison("filtered-dpo", ({ sft, train }) => {
  const policies = rounds.all(3, sft, (policy, round) => {
    const candidates = Sample(
      { candidates: 4, temperature: 1, max_new_tokens: 80, seed: round },
      { policy, pairs: train }
    )
    const ranking = Rank({}, { scores: EntropyScore({ lambda: 0.1 }, { candidates }) })
    const kept = Filter({ keep: "top-bottom" }, { ranking })
    const pairs = PairsFromRanking({}, { candidates, ranking: kept })
    return Dpo({ batch_pairs: 16, learning_rate: 5e-5 }, { policy, pairs })
  })
  TrainingCurve({ label: "filtered dpo" }, { policies })
  return Object.fromEntries(policies.map((policy, index) => [`filtered dpo round ${index + 1}`, policy]))
})
