/** GEM with its scores drawn at random: the control that tells what the entropies contribute. */
import { swap, variant } from "gemflow"
import { RandomScore } from "./controls/RandomScore.ts"
import gem from "./gem.ts"

export default variant(gem, "gem-random-score", swap("entropy-score", RandomScore))
