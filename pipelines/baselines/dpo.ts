/** DPO from the SFT policy, which is its reference, with curves of training and of held-out pairs. */
import { Dpo, PreferenceSequences, TrainingCurve } from "gemflow/nodes"
import { comparison } from "./comparison.ts"

export default comparison("dpo", ({ heldOut, sft, train }) => {
  const pairs = PreferenceSequences({}, { reference: sft, pairs: train }, { name: "training-sequences" })
  const others = PreferenceSequences({}, { reference: sft, pairs: heldOut }, { name: "held-out-sequences" })
  const dpo = Dpo(
    { batch_pairs: 16, epochs: 3, learning_rate: 5e-5, evaluate_every_steps: 6 },
    { policy: sft, pairs, held_out: [others] }
  )
  TrainingCurve({ label: "dpo" }, { policies: [dpo] })
  return { dpo }
})
