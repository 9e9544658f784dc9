/**
 * What questions cost in a store with a long history: 1,000 runs of 1,000 nodes, a million executions. Each question is a
 * whole process, beside one that only starts.
 *
 *   node --conditions=gemflow-source bench/dataflow/catalog.ts [RUNS] [STORE]
 *
 * STORE is kept, and used again where it is there.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { nodeName } from "./chains.ts"
import { fillCatalog } from "./FillCatalog.ts"

const here = dirname(fileURLToPath(import.meta.url))
const command = join(here, "..", "..", "bin", "gemflow.mjs")
const pipeline = join(here, "chains.ts")
const repetitions = 7

export interface Question {
  readonly question: string
  readonly args: ReadonlyArray<string>
  /** Medians of whole processes. */
  readonly milliseconds: number
  /** Beyond a process that loads the pipeline and asks nothing. */
  readonly beyondStart: number
}

const gemflow = (...args: ReadonlyArray<string>): number => {
  const begin = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: "utf8" })
  if (status !== 0) throw new Error(`gemflow ${args.join(" ")}: ${stderr}`)
  return performance.now() - begin
}

const median = (args: ReadonlyArray<string>): number =>
  Array.from({ length: repetitions }, () => gemflow(...args)).toSorted((a, b) => a - b)[repetitions >> 1] ?? 0

/** Every question, in a store with so many runs of the 1,000 nodes. */
export const measureCatalog = (store: string, runs: number): ReadonlyArray<Question> => {
  if (!existsSync(join(store, "catalog.sqlite"))) {
    gemflow("run", pipeline, "--store", store)
    fillCatalog(store, runs)
  }
  const last = nodeName(50, 9)
  const start = median(["lineage", pipeline, last, "--store", join(store, "nowhere")])
  const questions: Readonly<Record<string, ReadonlyArray<string>>> = {
    "gemflow --version": ["--version"],
    "lineage of a node in a store without runs": ["lineage", pipeline, last, "--store", join(store, "nowhere")],
    "lineage": ["lineage", pipeline, last, "--store", store],
    "lineage --down": ["lineage", pipeline, nodeName(50, 0), "--down", "--store", store],
    "lineage --artifact": ["lineage", "--artifact", digestOf(store, last), "--store", store],
    "lineage --artifact --down": [
      "lineage",
      "--artifact",
      digestOf(store, nodeName(50, 0)),
      "--down",
      "--store",
      store
    ],
    "trace": ["trace", pipeline, last, "#3", "--store", store],
    "trace --down": ["trace", pipeline, nodeName(50, 0), "#3", "--down", "--store", store],
    "why --run last": ["why", pipeline, last, "--run", "last", "--store", store],
    "runs --limit 10": ["runs", "--limit", "10", "--store", store]
  }
  return Object.entries(questions).map(([question, args]) => {
    const milliseconds = median(args)
    return { question, args, milliseconds, beyondStart: milliseconds - start }
  })
}

const digestOf = (store: string, node: string): string => {
  const { stdout } = spawnSync(
    process.execPath,
    [command, "lineage", pipeline, node, "--format", "json", "--store", store],
    { encoding: "utf8", maxBuffer: 2 ** 28 }
  )
  const graph: { readonly nodes: ReadonlyArray<{ readonly node: string; readonly artifact?: string }> } = JSON.parse(
    stdout
  )
  return graph.nodes.find((each) => each.node === node)?.artifact ?? ""
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const runs = Number(process.argv[2] ?? 1000)
  const given = process.argv[3]
  const store = given ?? join(mkdtempSync(join(tmpdir(), "gemflow-bench-catalog-")), "store")
  try {
    const measured = measureCatalog(store, runs)
    const { size } = statSync(join(store, "catalog.sqlite"))
    console.log(`${runs} runs of 1,000 nodes, a catalog of ${Math.round(size / 1e6)} MB`)
    for (const { beyondStart, milliseconds, question } of measured) {
      const beyond = `${beyondStart >= 0 ? "+" : ""}${beyondStart.toFixed(0)}`
      console.log(`${question.padEnd(44)}${milliseconds.toFixed(0).padStart(6)} ms${beyond.padStart(8)} ms`)
    }
  } finally {
    if (given === undefined) rmSync(dirname(store), { recursive: true, force: true })
  }
}
