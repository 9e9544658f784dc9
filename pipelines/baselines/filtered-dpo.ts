/** GEM's ablation "cognitive filtering + DPO": the best and the worst of each prompt's candidates, and DPO in SEGA's place. */
import { set, swap, variant } from "gemflow"
import { Filter, PairwiseUpdate } from "gemflow/nodes"
import gem from "../gem.ts"

export default variant(
  gem,
  "filtered-dpo",
  set(Filter, { keep: "top-bottom" }),
  swap("update", PairwiseUpdate, { batch_pairs: 16, learning_rate: 5e-5 })
)
