import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Catalog, catalogPath } from "../../../runtime/lineage/Catalog.ts"
import { noteRepeatedRun } from "../../../runtime/lineage/Repetitions.ts"

const nodes = ["a", "b", "c"]

const run = (name: string, startedAt: number, cached: number) => ({
  run: name,
  pipeline: "letters",
  file: "/project/letters.ts",
  settings: [],
  host: "here",
  pid: 1,
  started_at: startedAt,
  finished_at: startedAt + 1,
  status: "succeeded" as const,
  executed: 0,
  cached,
  failed: 0
})

/** A store with a run that executed three nodes, and one that repeats it and is only noted. */
const repeated = Effect.gen(function*() {
  const store = join(mkdtempSync(join(tmpdir(), "gemflow-repetitions-")), "store")
  yield* Effect.gen(function*() {
    const catalog = yield* Catalog
    yield* catalog.startRun(run("first", 10, 0))
    for (const [index, node] of nodes.entries()) {
      const source = nodes[index - 1]
      const execution = {
        run: "first",
        node,
        kind: node,
        status: "executed" as const,
        key_digest: `key-${node}`,
        output: `output-${node}`,
        row_count: index,
        reasons: ["never-run"],
        device: "cpu",
        started_at: 10 + index,
        duration_ms: 5,
        error: null
      }
      const inputs = source === undefined ? [] : [{ input: "x", position: 0, source, artifact: `output-${source}` }]
      yield* catalog.record({ pipeline: "letters", execution, inputs })
    }
    yield* catalog.startRun(run("second", 20, 3))
  }).pipe(Effect.provide(Catalog.layer(store)))
  const database = new DatabaseSync(catalogPath(store))
  noteRepeatedRun(database, "second", "first")
  database.close()
  return store
})

describe("a repeated run", () => {
  it.effect("has the rows that recording each of its nodes as cached would give it", () =>
    Effect.gen(function*() {
      const store = yield* repeated
      const { executions, inputs } = yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        return { executions: yield* catalog.executions("second"), inputs: yield* catalog.inputs("second") }
      }).pipe(Effect.provide(Catalog.layer(store)))
      // Reading checks the checksums.
      expect(executions).toEqual(nodes.map((node, index) => ({
        run: "second",
        node,
        kind: node,
        status: "cached",
        key_digest: `key-${node}`,
        output: `output-${node}`,
        row_count: index,
        reasons: [],
        device: null,
        started_at: 20,
        duration_ms: 0,
        error: null
      })))
      expect(inputs.map(({ node, run, source }) => [run, node, source])).toEqual([
        ["second", "b", "a"],
        ["second", "c", "b"]
      ])
    }))

  it.effect("does not hide that a row of the first was altered", () =>
    Effect.gen(function*() {
      const store = yield* repeated
      const database = new DatabaseSync(catalogPath(store))
      database.exec("UPDATE executions SET output = 'altered' WHERE node = 'b'")
      database.close()
      const read = Effect.flatMap(Catalog, (catalog) => catalog.executions("second"))
      const error = yield* Effect.flip(Effect.provide(read, Catalog.layer(store)))
      expect(error.message).toContain("altered")
    }))

  it.effect("is written out once", () =>
    Effect.gen(function*() {
      const store = yield* repeated
      const count = () =>
        Effect.flatMap(Catalog, (catalog) => catalog.executions("second")).pipe(
          Effect.map((rows) => rows.length),
          Effect.provide(Catalog.layerReader(store))
        )
      expect([yield* count(), yield* count()]).toEqual([3, 3])
    }))
})
