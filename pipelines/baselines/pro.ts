/** PRO from the SFT policy, on lists of the chosen response, ranked candidates of the policy's own, and the rejected one. */
import { EntropyScore, Pro, Rank, RankedResponses, Sample, TrainingCurve } from "gemflow/nodes"
import { comparison } from "./comparison.ts"

export default comparison("pro", ({ sft, train }) => {
  const candidates = Sample({ candidates: 4, temperature: 1, max_new_tokens: 80 }, { policy: sft, pairs: train })
  const ranking = Rank({}, { scores: EntropyScore({ lambda: 0.1 }, { candidates }) })
  const responses = RankedResponses(
    { candidates: 2 },
    { policy: sft, pairs: train, candidates: [candidates], ranking: [ranking] }
  )
  const pro = Pro({ batch_lists: 16, epochs: 2, learning_rate: 5e-5 }, { policy: sft, responses })
  TrainingCurve({ label: "pro" }, { policies: [pro] })
  return { pro }
})
