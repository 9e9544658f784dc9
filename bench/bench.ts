/**
 * `npm run bench`: what the engine and the command cost on the machine at hand, everything in one run.
 *
 * Each figure is a median of several repetitions after a warm-up, with the smallest and the largest beside it; what is compared
 * is measured alternately. Nothing here decides a test.
 */
import { availableParallelism, cpus, totalmem } from "node:os"
import { measureGeneration } from "./generation.ts"
import { measureStart } from "./start.ts"
import { measureTraining } from "./training.ts"

const gib = totalmem() / 2 ** 30
console.log(
  `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, ${
    gib.toFixed(0)
  } GiB, Node ${process.version}`
)
await measureTraining()
await measureGeneration()
await measureStart()
