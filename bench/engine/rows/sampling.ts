/** Sampling k = 5 responses of 128 tokens to each of 32 prompts. */
import { sameTokens } from "../Agreement.ts"
import type { SampleCheck, SampleJob } from "../Job.ts"
import type { Models } from "../models/Model.ts"
import type { Size } from "../models/Sizes.ts"
import { sizes } from "../models/Sizes.ts"
import { findLlamaCpp, findOptimum, findPyTorch, findTransformersJs } from "../Peers.ts"
import { type Peer, whenFound } from "../Row.ts"
import { randomRows } from "../Tokens.ts"
import { type MakeRow, nodeContestant, ourselves, pythonContestant } from "./Setting.ts"

const sampleJob = (checkpoint: string, size: Size, threads: number, smoke: boolean): SampleJob => ({
  checkpoint,
  prompts: randomRows(1, smoke ? 3 : 32, smoke ? 8 : 64, sizes[size].vocabularySize),
  candidates: smoke ? 2 : 5,
  newTokens: smoke ? 8 : 128,
  greedyTokens: smoke ? 4 : 16,
  threads
})

// Best of what was tried at 5 M. Its flash attention on CPU is slower, and less exact than float32.
const llamaCppSettings = { parallel: 160, cache: "F32", flashAttention: false } as const

export const sampling = (size: Size): MakeRow<SampleCheck> => async ({ models, smoke, threads, wanted }) => {
  const measured = smoke ? "tiny" : size
  const job = sampleJob(await models.checkpoint(measured), measured, threads, smoke)
  const peers: ReadonlyArray<{ readonly name: string; readonly reach: number; readonly make: MakePeer }> = [
    { name: "transformers generate", reach: 3, make: transformers },
    { name: "transformers.js", reach: 3, make: transformersJs },
    { name: "llama.cpp", reach: 1, make: llamaCpp }
  ]
  return {
    title: `sampling, ${measured}, ${job.candidates} x ${job.prompts.length} prompts, ${job.newTokens} new tokens`,
    unit: "tokens",
    gemflow: nodeContestant(ourselves, "gemflowSample.ts", job),
    peers: await Promise.all(
      peers.filter(({ name }) => wanted(name)).map(async ({ make, name, reach }) => ({
        contestant: await make(name, job, models, measured),
        reach
      }))
    ),
    agreement: (ours, theirs) => sameTokens("greedy responses", ours.greedy, theirs.greedy)
  }
}

type MakePeer = (name: string, job: SampleJob, models: Models, size: Size) => Promise<Peer["contestant"]>

// Faster on CPU than the cache that grows, though it attends to all slots from the first token on.
const transformers: MakePeer = async (name, job) =>
  whenFound(
    name,
    findPyTorch(),
    (python) => pythonContestant(name, python, "generate.py", { ...job, cache: "static" })
  )

const transformersJs: MakePeer = async (name, job, models, size) => {
  const [optimum, module] = [findOptimum(), findTransformersJs()]
  if ("absent" in optimum) return { name, absent: `it needs an ONNX export of the model, and ${optimum.absent}` }
  if ("absent" in module) return { name, absent: module.absent }
  const onnx = await models.onnx(size, optimum.found)
  return nodeContestant(name, "transformersJs.ts", { ...job, module: module.found, onnx })
}

const llamaCpp: MakePeer = async (name, job, models, size) => {
  const gguf = await models.gguf(size)
  return whenFound(name, findLlamaCpp(), (module) =>
    nodeContestant(name, "llamaCpp.ts", {
      ...job,
      module,
      gguf,
      ...llamaCppSettings,
      parallel: Math.min(llamaCppSettings.parallel, job.prompts.length * job.candidates)
    }))
}
