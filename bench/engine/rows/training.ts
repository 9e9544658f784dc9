/** A training step of 2,048 tokens: forward, backward, clip by the global norm, AdamW. */
import { sameNumbers } from "../Agreement.ts"
import type { TrainCheck, TrainJob } from "../Job.ts"
import type { Size } from "../models/Sizes.ts"
import { findPeft, findPyTorch } from "../Peers.ts"
import { type Peer, whenFound } from "../Row.ts"
import { learnableRows } from "../Tokens.ts"
import { type MakeRow, nodeContestant, ourselves, pythonContestant } from "./Setting.ts"

const trainJob = (checkpoint: string, threads: number, smoke: boolean, steps: number): TrainJob => ({
  checkpoint,
  // 8 sequences of 256 tokens that are read, each predicting the next.
  batches: smoke ? [learnableRows(1, 2, 17)] : [1, 2, 3, 4].map((seed) => learnableRows(seed, 8, 257)),
  optimiser: { learningRate: 3e-4, weightDecay: 0.01, clip: 1, betas: [0.9, 0.999], epsilon: 1e-8 },
  // More than share one run of gemflow's, even of a tiny model.
  steps: smoke ? 32 : steps,
  warmup: 4,
  threads
})

const steps = (kind: "all" | "adapter", size: Size, count: number): MakeRow<TrainCheck> => async (setting) => {
  const { models, smoke, threads, wanted } = setting
  const measured = smoke ? "tiny" : size
  const job = {
    ...trainJob(await models.checkpoint(measured), threads, smoke, count),
    ...(kind === "adapter" && { adapter: await models.adapter(measured) })
  }
  const [library, found, reach] = kind === "all"
    ? ["PyTorch", findPyTorch(), 1.2] as const
    : ["PEFT", findPeft(), 1.3] as const
  const peer = (how: "eager" | "compiled"): Peer => {
    const name = `${library} ${how}`
    const contestant = whenFound(
      name,
      found,
      (python) => pythonContestant(name, python, "train.py", { ...job, compiled: how === "compiled" })
    )
    return { contestant, reach }
  }
  return {
    title: `${kind === "all" ? "full" : "LoRA (rank 16)"} training step, ${measured}, ${smoke ? 32 : "2,048"} tokens`,
    unit: "tokens",
    gemflow: nodeContestant(ourselves, "gemflowTrain.ts", job),
    peers: [peer("eager"), peer("compiled")].filter(({ contestant }) => wanted(contestant.name)),
    agreement: (ours, theirs) => sameNumbers("losses", ours.losses, theirs.losses)
  }
}

/** All weights, against PyTorch as it is and compiled by torch.compile. */
export const training = (size: Size, count: number): MakeRow<TrainCheck> => steps("all", size, count)

/** An adapter of rank 16 on all linear layers, against PEFT. */
export const lora = (size: Size, count: number): MakeRow<TrainCheck> => steps("adapter", size, count)
