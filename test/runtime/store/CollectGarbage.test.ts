import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { pipeline } from "gemflow"
import { existsSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { derivedDirectory } from "../../../artifacts/DerivedDirectory.ts"
import { Table } from "../../../artifacts/Table.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import { collectGarbage, storeLock } from "../../../runtime/store/CollectGarbage.ts"
import { pin, unpin } from "../../../runtime/store/Pins.ts"
import { clear, Count, log, ReadWords } from "../../fixtures/pipelines/mapped/nodes.ts"
import { Numbers } from "../../fixtures/pipelines/numbers/tables.ts"
import { newStore, runPipeline, storeLayer } from "../execution/inStore.ts"
import { doubled } from "./pipelines.ts"

/** The artifacts in a store. */
const stored = (store: string): ReadonlyArray<string> =>
  existsSync(join(store, "objects"))
    ? readdirSync(join(store, "objects")).flatMap((shard) => readdirSync(join(store, "objects", shard)))
    : []

/** Runs the pipeline with a number of rows, and gives the run with the outputs of its nodes. */
const runWith = Effect.fnUntraced(function*(count: number, name = "doubled") {
  const { events, result } = yield* runPipeline(doubled(name), { set: [`numbers.count=${count}`] })
  expect(result.failures).toEqual([])
  const [started] = events
  return { run: started?.type === "RunStarted" ? started.run : "", outputs: result.outputs }
})

const inNewStore = <A, E>(
  test: (store: string) => Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>
) => {
  const store = newStore()
  return Effect.provide(test(store), storeLayer(store))
}

/** As if all that was stored so far had been stored long ago. */
const age = (store: string) =>
  Effect.sync(() => {
    const then = new Date(Date.now() - 24 * 60 * 60 * 1000)
    for (const folder of ["objects", "directories", "quarantine"]) {
      if (!existsSync(join(store, folder))) continue
      for (const name of readdirSync(join(store, folder), { recursive: true })) {
        utimesSync(join(store, folder, String(name)), then, then)
      }
    }
  })

const collect = (keepRuns: number, remove = true) => collectGarbage({ keepRuns, delete: remove, grace: -1 })

describe("cleaning up", () => {
  it.live("keeps the newest runs of each pipeline with all they reach, and tells first", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const first = yield* runWith(3)
        const second = yield* runWith(4)
        const other = yield* runWith(5, "other")
        yield* age(store)
        const before = stored(store)
        const told = yield* collect(1, false)
        expect(told.forgotten.runs.map(({ run }) => run)).toEqual([first.run])
        expect(told.tables).toMatchObject({ count: 2 })
        expect(told.tables.bytes).toBeGreaterThan(500)
        expect(stored(store)).toEqual(before)
        expect(yield* (yield* Catalog).runs()).toHaveLength(3)

        const done = yield* collect(1)
        expect({ ...done, forgotten: told.forgotten }).toEqual({ ...told, forgotten: told.forgotten })
        expect(new Set(stored(store))).toEqual(new Set([...second.outputs.values(), ...other.outputs.values()]))
        const catalog = yield* Catalog
        expect(new Set((yield* catalog.runs()).map(({ run }) => run))).toEqual(new Set([second.run, other.run]))
        expect(readdirSync(join(store, "tmp"))).toEqual([])
        // What is kept is still a result, and what went is computed anew.
        expect((yield* runPipeline(doubled(), { set: ["numbers.count=4"] })).statuses).toEqual({
          numbers: "cached",
          scale: "cached"
        })
        expect((yield* runPipeline(doubled(), { set: ["numbers.count=3"] })).statuses).toEqual({
          numbers: "executed",
          scale: "executed"
        })
        expect((yield* collect(2)).tables.count).toBe(0)
      })
    ))

  it.live("keeps pinned runs until they are unpinned", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const first = yield* runWith(3)
        yield* runWith(4)
        yield* age(store)
        expect(yield* pin(store, first.run, "paper")).toBe(true)
        expect(yield* pin(store, "no-such-run", undefined)).toBe(false)
        expect((yield* collect(1)).tables.count).toBe(0)
        expect(yield* unpin(store, first.run)).toBe(true)
        expect((yield* collect(1)).tables.count).toBe(2)
      })
    ))

  it.live("keeps what a cached node took from a run that goes", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const first = yield* runWith(3)
        const second = yield* runWith(3)
        yield* age(store)
        expect((yield* collect(1)).forgotten.runs.map(({ run }) => run)).toEqual([first.run])
        expect(new Set(stored(store))).toEqual(new Set(second.outputs.values()))
        expect((yield* runPipeline(doubled(), { set: ["numbers.count=3"] })).statuses).toEqual({
          numbers: "cached",
          scale: "cached"
        })
      })
    ))

  it.live("spares what is young, what was found to be stored already, and what a run of now may still note", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const artifacts = yield* ArtifactStore
        const put = (value: number) =>
          Effect.flatMap(Table.fromRows(Numbers, [{ id: "n", value }]), (table) => artifacts.put(table))
        const [old, again] = [yield* put(1), yield* put(2)]
        yield* age(store)
        yield* put(2)
        const young = yield* put(3)
        yield* collectGarbage({ keepRuns: 1, delete: true })
        expect(new Set(stored(store))).toEqual(new Set([again.digest, young.digest]))
        expect(yield* artifacts.has(old.digest)).toBe(false)

        // A run that is going on began two days ago: what was stored a day ago may be its own.
        const catalog = yield* Catalog
        const started_at = Date.now() - 48 * 60 * 60 * 1000
        const run = {
          run: "live",
          pipeline: "numbers",
          file: "/f.ts",
          settings: [],
          host: hostname(),
          pid: process.pid
        }
        yield* catalog.startRun({
          ...run,
          started_at,
          finished_at: null,
          status: "running",
          executed: 0,
          cached: 0,
          failed: 0
        })
        yield* age(store)
        const spared = yield* collectGarbage({ keepRuns: 0, delete: true })
        expect([spared.tables.count, spared.forgotten.running]).toEqual([0, 1])
        yield* catalog.finishRun({ run: "live", status: "succeeded", executed: 0, cached: 0, failed: 0, finishedAt: 0 })
        expect((yield* collectGarbage({ keepRuns: 0, delete: true })).tables.count).toBe(2)
      })
    ))

  it.live("removes directories that no kept row refers to, and what was made of them", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const artifacts = yield* ArtifactStore
        const directory = mkdtempSync(join(store, "..", "checkpoint-"))
        writeFileSync(join(directory, "weights.bin"), "weights")
        const digest = yield* artifacts.putDirectory(directory)
        const converted = yield* derivedDirectory(store, { source: digest }, (folder) =>
          Effect.sync(() =>
            writeFileSync(join(folder, "w"), "converted")
          ))
        yield* age(store)
        // Made lately: it may be wanted again.
        expect((yield* collect(0)).directories.count).toBe(1)
        expect(readFileSync(join(converted, "w"), "utf8")).toBe("converted")
        const then = new Date(0)
        for (const name of readdirSync(join(store, "derived"), { recursive: true })) {
          utimesSync(join(store, "derived", String(name)), then, then)
        }
        yield* age(store)
        const done = yield* collect(0)
        expect([done.derived.count, done.directories.count]).toEqual([1, 1])
        expect(existsSync(converted)).toBe(false)
      })
    ))

  it.live("keeps the partitions of mapped nodes that a kept run took", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const path = join(store, "..", "words.txt")
        const lines = Array.from({ length: 40 }, (_, index) => `p${index} w${index}`)
        const write = (count: number) => writeFileSync(path, lines.slice(0, count).join("\n"))
        const counting = pipeline("counting", () => Count({}, { words: ReadWords({ path }) }))
        for (const count of [10, 30]) {
          write(count)
          yield* runPipeline(counting)
        }
        yield* age(store)
        expect((yield* collect(1)).forgotten.runs).toHaveLength(1)
        clear()
        write(40)
        yield* runPipeline(counting)
        const prompts = log.calls.flatMap(({ prompts }) => prompts)
        // The new ones, and those in the partition that the first of them fell into.
        expect(prompts).toContain("p39")
        expect(prompts.length).toBeLessThan(25)
        expect(prompts).not.toContain("p0")
      })
    ))

  it.live("is done by one process at a time", () =>
    inNewStore((store) =>
      Effect.scoped(Effect.gen(function*() {
        yield* storeLock(store)
        const error = yield* Effect.flip(collect(1))
        expect(error.message).toMatch(/Another process is cleaning up .* Wait until it has ended/)
      }))
    ))
})
