import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Catalog, catalogPath } from "../../../runtime/lineage/Catalog.ts"
import type { ActionRow, ExecutionRow, RunRow } from "../../../runtime/lineage/CatalogRows.ts"

const newStore = () => join(mkdtempSync(join(tmpdir(), "gemflow-catalog-")), "store")

const run = (name: string, startedAt: number): RunRow => ({
  run: name,
  pipeline: "gem",
  file: "/project/gem.ts",
  settings: ["a.b=1"],
  host: "here",
  pid: 1,
  started_at: startedAt,
  finished_at: null,
  status: "running",
  executed: 0,
  cached: 0,
  failed: 0
})

const execution = (runName: string, node: string, key: string | null): ExecutionRow => ({
  run: runName,
  node,
  kind: node,
  status: key === null ? "failed" : "executed",
  key_digest: key,
  output: key === null ? null : `output-of-${key}`,
  row_count: key === null ? null : 3,
  reasons: ["never-run"],
  device: null,
  started_at: 1,
  duration_ms: 2,
  error: key === null ? "no luck" : null
})

const action = (key: string, node: string, runName: string): ActionRow => ({
  key_digest: key,
  key: { node, config: { lambda: 0.5 } },
  output: `output-of-${key}`,
  type: "Scores",
  row_count: 3,
  bytes: 100,
  columns: { score: "c1" },
  run: runName,
  node,
  created_at: 5
})

const opened = Effect.map(Catalog, (catalog) => catalog)

describe("Catalog", () => {
  it.effect("keeps what it was given, over a restart", () =>
    Effect.gen(function*() {
      const store = newStore()
      yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        yield* catalog.startRun(run("r1", 1))
        yield* catalog.record({
          pipeline: "gem",
          execution: execution("r1", "score", "k1"),
          inputs: [{ input: "candidates", position: 0, source: "sample", artifact: "a0" }],
          action: action("k1", "score", "r1")
        })
        yield* catalog.record({ pipeline: "gem", execution: execution("r1", "rank", null), inputs: [] })
        yield* catalog.finishRun({ run: "r1", status: "failed", executed: 1, cached: 0, failed: 1, finishedAt: 9 })
      }).pipe(Effect.provide(Catalog.layer(store)))

      yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        expect(yield* catalog.run("r1")).toEqual({
          ...run("r1", 1),
          status: "failed",
          executed: 1,
          failed: 1,
          finished_at: 9
        })
        expect(yield* catalog.executions("r1")).toEqual([execution("r1", "score", "k1"), execution("r1", "rank", null)])
        expect(yield* catalog.inputs("r1")).toEqual([
          { run: "r1", node: "score", input: "candidates", position: 0, source: "sample", artifact: "a0" }
        ])
        expect(yield* catalog.action("k1")).toEqual(action("k1", "score", "r1"))
        expect(yield* catalog.action("k2")).toBeUndefined()
        expect(yield* catalog.actions("r1")).toEqual([action("k1", "score", "r1")])
      }).pipe(Effect.provide(Catalog.layer(store)))
    }))

  it.effect("knows the last key of a node instance, also when a failure came after it", () =>
    Effect.gen(function*() {
      const catalog = yield* Catalog
      yield* catalog.startRun(run("r1", 1))
      yield* catalog.startRun(run("r2", 2))
      yield* catalog.record({
        pipeline: "gem",
        execution: execution("r1", "score", "k1"),
        inputs: [],
        action: action("k1", "score", "r1")
      })
      yield* catalog.record({ pipeline: "gem", execution: execution("r2", "score", null), inputs: [] })
      expect((yield* catalog.latest("gem", "score"))?.key_digest).toBe("k1")
      expect(yield* catalog.latest("other", "score")).toBeUndefined()
      expect((yield* catalog.latestRunOf("gem", "score"))?.run).toBe("r1")
      expect((yield* catalog.runs()).map(({ run }) => run)).toEqual(["r2", "r1"])
    }).pipe(Effect.provide(Catalog.layer(newStore()))))

  it.effect("is shared by two connections that write in turn", () =>
    Effect.gen(function*() {
      const store = newStore()
      const write = (from: number) =>
        Effect.gen(function*() {
          const catalog = yield* Catalog
          yield* Effect.forEach(
            Array.from({ length: 20 }, (_, index) => from + index),
            (index) => Effect.andThen(catalog.startRun(run(`r${index}`, index)), Effect.yieldNow),
            { discard: true }
          )
          return yield* catalog.runs()
        }).pipe(Effect.provide(Catalog.layer(store)))
      yield* Effect.all([write(0), write(100)], { concurrency: 2 })
      expect(yield* write(200)).toHaveLength(60)
    }))

  it.effect("for questions alone creates nothing", () =>
    Effect.gen(function*() {
      const store = newStore()
      const runs = yield* Effect.gen(function*() {
        return yield* (yield* Catalog).runs()
      }).pipe(Effect.provide(Catalog.layerReader(store)))
      expect(runs).toEqual([])
      expect(existsSync(store)).toBe(false)
    }))

  it.effect("that is no catalog is an error with a remedy", () =>
    Effect.gen(function*() {
      const store = mkdtempSync(join(tmpdir(), "gemflow-catalog-"))
      writeFileSync(
        catalogPath(store),
        "this is not a database, and long enough to be read as the header of one".repeat(20)
      )
      const error = yield* Effect.flip(Effect.provide(opened, Catalog.layer(store)))
      expect(error.message).toContain(catalogPath(store))
      expect(error.message).toContain("Move the file away")
    }))

  it.effect("below a file instead of a folder is an error with a remedy", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "gemflow-catalog-"))
      writeFileSync(join(folder, "file"), "")
      chmodSync(join(folder, "file"), 0o600)
      const error = yield* Effect.flip(Effect.provide(opened, Catalog.layer(join(folder, "file", "store"))))
      expect(error.message).toContain("--store")
    }))
})
