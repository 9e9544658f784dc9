/**
 * Random pipelines under random edits, planned, executed and stored by the real parts, beside a model that recomputes
 * everything: results are equal, no execution is unnecessary, none is missing, and the plan and the reasons tell the truth.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Schema from "effect/Schema"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../../artifacts/ArtifactStore.ts"
import { planningEnvironment } from "../../../../runtime/execution/PlanningEnvironment.ts"
import { fromInstances, type NodeInstance } from "../../../../runtime/pipeline/Pipeline.ts"
import { type Decision, plan } from "../../../../runtime/pipeline/Plan.ts"
import { newStore, runPipeline, storeLayer } from "../inStore.ts"
import { apply, Edit, start } from "./Edits.ts"
import { differences, expected, type ModelNode, present, type State, type TrueKey } from "./Model.ts"
import { environmentVariable, load } from "./ModelNodes.ts"

const instanceOf =
  (state: State, definitions: Awaited<ReturnType<typeof load>>, folder: string) =>
  ({ file, k, kind, name, reads, speed }: ModelNode): NodeInstance => ({
    name,
    node: definitions[kind],
    config: {
      ...(k === undefined ? {} : { k }),
      ...(speed === undefined ? {} : { speed }),
      ...(kind === "source" ? { path: join(folder, `file${file}.json`) } : {})
    },
    inputs: kind === "source"
      ? {}
      : { [kind === "join" ? "tables" : "rows"]: reads.map((index) => present(state.nodes[index]).name) },
    place: () => "model.ts:1",
    writtenBy: {}
  })

/** What the runs of a store have done so far. */
const history = () => ({
  executed: new Set<string>(),
  /** Per instance the key under which it was last executed or found. */
  last: new Map<string, TrueKey>()
})

const setEnvironment = (mode: string | undefined) => {
  if (mode === undefined) delete process.env[environmentVariable]
  else process.env[environmentVariable] = mode
}

const runAndCompare = Effect.fnUntraced(function*(state: State, past: ReturnType<typeof history>, folder: string) {
  state.files.forEach((rows, index) => writeFileSync(join(folder, `file${index}.json`), JSON.stringify(rows)))
  setEnvironment(state.mode)
  const definitions = yield* Effect.promise(() => load(state.code))
  const pipeline = fromInstances("model", state.nodes.map(instanceOf(state, definitions, folder)))
  const selected = new Set(state.nodes.map(({ name }) => name))
  const decide = Effect.gen(function*() {
    const environment = yield* planningEnvironment({ pipeline, selected, forced: new Set(), projectRoot: "/" })
    return new Map((yield* plan(pipeline, environment)).map((decision: Decision) => [decision.node, decision]))
  })

  const decisions = yield* decide
  const { events, result } = yield* runPipeline(pipeline)
  const model = expected(state)

  const store = yield* ArtifactStore
  const necessary = new Set<string>()
  for (const [index, { name }] of state.nodes.entries()) {
    const { key, rows } = present(model[index])
    const table = yield* store.get(definitions.source.output, present(result.outputs.get(name)))
    expect(table.rows(), `rows of ${name}`).toEqual(rows)
    if (!past.executed.has(JSON.stringify(key))) necessary.add(JSON.stringify(key))
  }

  // Instances with equal keys share one execution, whichever of them comes first.
  const finished = events.filter((event) => event.type === "NodeFinished")
  const executed = finished.filter(({ status }) => status === "executed")
  const keyOf = (name: string) => present(model[state.nodes.findIndex((node) => node.name === name)]).key
  const executedKeys = executed.map(({ node }) => JSON.stringify(keyOf(node)))
  expect(finished.length).toBe(state.nodes.length)
  expect(executedKeys.toSorted(), "what was executed").toEqual([...necessary].toSorted())

  for (const { node, reasons, status } of finished) {
    const decision = present(decisions.get(node))
    const isNecessary = necessary.has(JSON.stringify(keyOf(node)))
    if (decision.status === "cached") expect(status, `${node}, planned as cached`).toBe("cached")
    else if (decision.reasons.every(({ reason }) => reason !== "upstream")) {
      expect(isNecessary, `${node}, planned as stale`).toBe(true)
    }
    const before = past.last.get(node)
    if (status === "executed") {
      expect(reasons, `reasons of ${node}`).toEqual(
        before === undefined ? ["never-run"] : differences(before, keyOf(node))
      )
    }
  }
  for (const { node } of finished) past.last.set(node, keyOf(node))
  for (const key of necessary) past.executed.add(key)
  expect([...(yield* decide).values()].filter(({ status }) => status === "stale"), "stale after a run").toEqual([])
})

describe("runs of random pipelines under random edits", () => {
  it.effect.prop(
    "make what recomputing everything makes, and execute what is necessary",
    [
      Schema.Array(Edit).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
      Schema.Array(Edit).check(Schema.isMinLength(6), Schema.isMaxLength(9))
    ],
    ([shape, edits]) =>
      Effect.gen(function*() {
        const folder = mkdtempSync(join(tmpdir(), "gemflow-model-files-"))
        const past = history()
        let state = start(shape)
        yield* runAndCompare(state, past, folder)
        for (const edit of edits) {
          state = apply(state, edit)
          yield* runAndCompare(state, past, folder)
        }
      }).pipe(Effect.provide(storeLayer(newStore()))),
    { arbitrary: { runs: Number(process.env["GEMFLOW_TEST_RUNS"] ?? 4) } }
  )
})
