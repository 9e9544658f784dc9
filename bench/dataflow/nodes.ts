/**
 * What executing a node costs beside its own work: pipelines of trivial nodes, each in a process and a store of its own.
 *
 *   node --conditions=gemflow-source bench/dataflow/nodes.ts [NODES] [SHAPE]
 *
 * Prints, per shape, microseconds a node executed, microseconds a node found cached, and the largest resident memory.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Pipeline } from "gemflow"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Devices } from "../../runtime/execution/Devices.ts"
import { execute } from "../../runtime/execution/Executor.ts"
import { Catalog } from "../../runtime/lineage/Catalog.ts"
import { type Shape, shapes, trivialNodes } from "./trivialNodes.ts"

export interface NodesMeasurement {
  readonly executedMicroseconds: number
  /** Of all cores; less than the above where the process waited for the disk or for others. */
  readonly executedProcessorMicroseconds: number
  readonly cachedMicroseconds: number
  readonly peakBytes: number
}

const measureHere = (shape: Shape, nodes: number): Effect.Effect<NodesMeasurement, Error> =>
  Effect.gen(function*() {
    const store = mkdtempSync(join(tmpdir(), "gemflow-bench-nodes-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(store, { recursive: true, force: true })))
    const whole = trivialNodes(shape, nodes)
    const layers = () =>
      Layer.mergeAll(Catalog.layer(store), ArtifactStore.layer(store), Devices.layer(["cpu"]), NodeServices.layer)
    const run = (pipeline: Pipeline) =>
      execute({
        pipeline,
        file: "nodes.ts",
        selected: new Set(pipeline.nodes.map(({ name }) => name)),
        forced: new Set(),
        projectRoot: process.cwd(),
        settings: [],
        jobs: availableParallelism(),
        sink: () => undefined
      }).pipe(Effect.provide(layers()))
    // Nothing else may be left that could wake Node while a fiber waits.
    const alive = setInterval(() => undefined, 2 ** 30)
    yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(alive)))
    // Modules are loaded and code is compiled before the clock starts.
    yield* run(trivialNodes(shape, 100))
    const timed = Effect.gen(function*() {
      const begin = performance.now()
      const used = process.cpuUsage()
      const { cached, executed, failures } = yield* run(whole)
      if (failures[0] !== undefined) return yield* Effect.fail<Error>(failures[0])
      const { system, user } = process.cpuUsage(used)
      const microseconds = (performance.now() - begin) * 1000 / nodes
      return { executed, cached, microseconds, processorMicroseconds: (system + user) / nodes }
    })
    const cold = yield* timed
    const warm = yield* timed
    if (cold.executed < nodes - 100 || warm.cached !== nodes) return yield* Effect.fail(new Error("not as expected"))
    return {
      executedMicroseconds: cold.microseconds,
      executedProcessorMicroseconds: cold.processorMicroseconds,
      cachedMicroseconds: warm.microseconds,
      peakBytes: process.resourceUsage().maxRSS * 1024
    }
  }).pipe(Effect.scoped)

const Measured = Schema.fromJsonString(
  Schema.Struct({
    executedMicroseconds: Schema.Finite,
    executedProcessorMicroseconds: Schema.Finite,
    cachedMicroseconds: Schema.Finite,
    peakBytes: Schema.Finite
  })
)

/** In a process of its own, so that the memory is that of one shape. */
export const measureNodes = (shape: Shape, nodes: number): NodesMeasurement => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--conditions=gemflow-source", "--no-warnings", fileURLToPath(import.meta.url), String(nodes), shape, "--here"],
    { encoding: "utf8" }
  )
  if (status !== 0) throw new Error(stderr)
  return Schema.decodeUnknownSync(Measured)(stdout)
}

const main = async () => {
  const nodes = Number(process.argv[2] ?? 10_000)
  for (const shape of shapes.filter((shape) => process.argv[3] === undefined || process.argv[3] === shape)) {
    if (process.argv[4] === "--here") {
      console.log(JSON.stringify(await Effect.runPromise(measureHere(shape, nodes))))
      continue
    }
    const { cachedMicroseconds, executedMicroseconds, executedProcessorMicroseconds, peakBytes } = measureNodes(
      shape,
      nodes
    )
    const mebibytes = (peakBytes / 2 ** 20).toFixed(0)
    console.log(
      `${shape.padEnd(8)} ${nodes} nodes: ${executedMicroseconds.toFixed(0)} us a node executed (${
        executedProcessorMicroseconds.toFixed(0)
      } us of processor), `
        + `${cachedMicroseconds.toFixed(0)} us cached, ${mebibytes} MiB`
    )
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
