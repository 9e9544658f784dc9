/**
 * `npm run bench:engine`: gemflow beside what people use today, on the same model, machine and work, in one run.
 *
 * Each contestant is a process of its own and is measured in turn with the others, after a warm-up and a check that it
 * does the same work; figures are medians with the smallest and the largest. Nothing here decides a test.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os"
import { join, resolve } from "node:path"
import { parseArguments } from "./Arguments.ts"
import { modelsIn } from "./models/Model.ts"
import { findLlamaCpp, findPeft, findTransformersJs } from "./Peers.ts"
import { rows } from "./rows/Rows.ts"

const given = parseArguments(process.argv.slice(2))
if (typeof given === "string") {
  console.error(given)
  process.exitCode = 1
} else {
  const threads = availableParallelism()
  const gib = (totalmem() / 2 ** 30).toFixed(0)
  console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${threads} cores, ${gib} GiB, Node ${process.version}`)
  for (const peer of [findPeft(), findTransformersJs(), findLlamaCpp()]) if ("found" in peer) console.log(peer.version)
  const { models, only } = given
  const folder = models === undefined ? mkdtempSync(join(tmpdir(), "gemflow-bench-engine-")) : resolve(models)
  mkdirSync(folder, { recursive: true })
  const wanted = (name: string) => only === undefined || name.toLowerCase().includes(only.toLowerCase())
  try {
    for (const name of given.rows) {
      const setting = { models: modelsIn(folder), threads, smoke: given.smoke, wanted }
      console.log(`\n${name}: ${await rows.get(name)?.(setting, given.repetitions)}`)
    }
  } finally {
    if (models === undefined) rmSync(folder, { recursive: true, force: true })
  }
}
