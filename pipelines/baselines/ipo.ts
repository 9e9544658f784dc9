/** IPO: the pipeline of DPO with the other loss. */
import { set, swap, variant } from "gemflow"
import { Dpo, Ipo, TrainingCurve } from "gemflow/nodes"
import dpo from "./dpo.ts"

export default variant(
  dpo,
  "ipo",
  swap(Dpo, Ipo),
  set(TrainingCurve, { label: "ipo" }),
  set("answers-dpo", { label: "ipo" }),
  set("preferences-dpo", { label: "ipo" })
)
