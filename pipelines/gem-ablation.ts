/**
 * What each term of GEM's score contributes: GEM as it is, without branching entropy, without terminal entropy, and with scores drawn at
 * random, three seeds each. `gemflow ablate pipelines/gem-ablation.ts --dry-run` shows what that costs.
 */
import { grid, level, seeds, set, swap } from "gemflow"
import { EntropyScore } from "gemflow/nodes"
import { RandomScore } from "./controls/RandomScore.ts"
import gem from "./gem.ts"

export default grid(gem, {
  score: [
    level("gem"),
    level("no-branching", set(EntropyScore, { lambda: 0 })),
    level("no-terminal", set(EntropyScore, { final_weight: 0 })),
    // By name: random-score makes fewer columns than entropy-score, and rank reads none of the others.
    level("random", swap("entropy-score", RandomScore))
  ],
  seed: seeds(3)
}, { name: "gem-ablation" })
