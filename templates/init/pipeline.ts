import { pipeline } from "gemflow"
import { PreferencePairs, Split } from "gemflow/nodes"
import { LengthBias } from "./nodes/LengthBias.ts"

export default pipeline("length-bias", () => {
  const pairs = PreferencePairs({ path: "pairs.jsonl" })
  const train = Split({ part: "train", held_out: 0.25 }, { pairs })
  return LengthBias({ unit: "words" }, { pairs: train })
})
