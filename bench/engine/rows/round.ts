/** One GEM round: sample, score, SEGA update, against the loop that the paper's authors published. */
import { all, sameNumbers } from "../Agreement.ts"
import type { RoundCheck, RoundJob } from "../Job.ts"
import { type Size, sizes } from "../models/Sizes.ts"
import { findPyTorch } from "../Peers.ts"
import { whenFound } from "../Row.ts"
import { randomRows } from "../Tokens.ts"
import { type MakeRow, nodeContestant, ourselves, pythonContestant } from "./Setting.ts"

export const round = (size: Size): MakeRow<RoundCheck> => async ({ models, smoke, threads, wanted }) => {
  const measured = smoke ? "tiny" : size
  const { vocabularySize } = sizes[measured]
  const [candidates, newTokens] = smoke ? [2, 8] : [5, 128]
  const job: RoundJob = {
    checkpoint: await models.checkpoint(measured),
    prompts: randomRows(1, smoke ? 3 : 32, smoke ? 8 : 64, vocabularySize),
    candidates,
    newTokens,
    given: [2, 3].map((seed) => randomRows(seed, candidates, newTokens, vocabularySize)),
    optimiser: { learningRate: 1e-5, weightDecay: 0, clip: 1, betas: [0.9, 0.999], epsilon: 1e-8 },
    threads
  }
  const name = "published loop"
  return {
    title: `one GEM round, ${measured}, ${candidates} x ${job.prompts.length} prompts, ${newTokens} new tokens`,
    unit: "response tokens",
    gemflow: nodeContestant(ourselves, "gemflowRound.ts", job),
    peers: wanted(name)
      ? [{
        contestant: whenFound(
          name,
          findPyTorch(),
          (python) => pythonContestant(name, python, "published_loop.py", job)
        ),
        reach: 10
      }]
      : [],
    agreement: (ours, theirs) =>
      all([
        sameNumbers("entropy scores", ours.scores, theirs.scores),
        sameNumbers("losses", [ours.loss], [theirs.loss]),
        sameNumbers("gradient norms", [ours.gradNorm], [theirs.gradNorm])
      ])
  }
}
