import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import { mergeStores } from "../../../runtime/store/MergeStores.ts"
import { verifyStore } from "../../../runtime/store/VerifyStore.ts"
import { newStore, runPipeline, storeLayer } from "../execution/inStore.ts"
import { doubled } from "./pipelines.ts"

const run = (store: string, count: number) =>
  Effect.provide(runPipeline(doubled(), { set: [`numbers.count=${count}`] }), storeLayer(store))

const merge = (into: string, other: string) => Effect.provide(mergeStores(other), storeLayer(into))

/** The stored tables' files with their bytes. */
const filesOf = (store: string) =>
  Object.fromEntries(
    readdirSync(join(store, "objects"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((file) => [file, readFileSync(file, "hex")])
  )

describe("going back to an old value", () => {
  it.live("is free", () =>
    Effect.gen(function*() {
      const store = newStore()
      const first = yield* run(store, 3)
      expect((yield* run(store, 4)).statuses).toEqual({ numbers: "executed", scale: "executed" })
      const back = yield* run(store, 3)
      expect(back.statuses).toEqual({ numbers: "cached", scale: "cached" })
      expect(back.result.outputs).toEqual(first.result.outputs)
    }))
})

describe("merging two stores", () => {
  it.live("gives a run the results of both, and changes nothing in the other", () =>
    Effect.gen(function*() {
      const [here, there] = [newStore(), newStore()]
      yield* run(here, 3)
      const other = yield* run(there, 4)
      yield* run(there, 3)
      const before = filesOf(there)
      const merged = yield* merge(here, there)
      expect(merged).toMatchObject({ copied: 2, present: 2, absent: [], damaged: [], actions: 2, runs: 2 })
      expect(filesOf(there)).toEqual(before)

      const taken = yield* run(here, 4)
      expect(taken.statuses).toEqual({ numbers: "cached", scale: "cached" })
      expect(taken.result.outputs).toEqual(other.result.outputs)
      expect((yield* run(here, 3)).statuses).toEqual({ numbers: "cached", scale: "cached" })
      const { runs, verified } = yield* Effect.provide(
        Effect.gen(function*() {
          return { runs: yield* (yield* Catalog).runs(), verified: yield* verifyStore() }
        }),
        storeLayer(here)
      )
      expect(runs).toHaveLength(5)
      expect(verified.damages).toEqual([])
      expect(yield* merge(here, there)).toMatchObject({ copied: 0, present: 4, actions: 0, runs: 0 })
    }))

  it.live("goes on where it was interrupted", () =>
    Effect.gen(function*() {
      const [here, there] = [newStore(), newStore()]
      yield* run(here, 3)
      const { result } = yield* run(there, 4)
      // As a merge that was killed before it came to the catalog leaves it.
      const digest = result.outputs.get("scale") ?? ""
      cpSync(join(there, "objects", digest.slice(0, 2), digest), join(here, "objects", digest.slice(0, 2), digest), {
        recursive: true
      })
      expect(yield* merge(here, there)).toMatchObject({ copied: 1, present: 1, actions: 2 })
      expect((yield* run(here, 4)).statuses).toEqual({ numbers: "cached", scale: "cached" })
    }))

  it.live("leaves out what is damaged or gone there, and says so", () =>
    Effect.gen(function*() {
      const [here, there] = [newStore(), newStore()]
      yield* run(here, 3)
      const { result } = yield* run(there, 4)
      const [numbers = "", scale = ""] = [result.outputs.get("numbers"), result.outputs.get("scale")]
      const fileOf = (digest: string) => join(there, "objects", digest.slice(0, 2), digest, "table.arrow")
      const bytes = readFileSync(fileOf(scale))
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
      writeFileSync(fileOf(scale), bytes)
      rmSync(dirname(fileOf(numbers)), { recursive: true })
      const merged = yield* merge(here, there)
      expect(merged).toMatchObject({ copied: 0, damaged: [scale], absent: [numbers], actions: 0, runs: 1 })
      expect(readFileSync(fileOf(scale))).toEqual(bytes)
      const has = yield* Effect.provide(Effect.flatMap(ArtifactStore, (store) => store.has(scale)), storeLayer(here))
      expect(has).toBe(false)
      expect((yield* run(here, 4)).statuses).toEqual({ numbers: "executed", scale: "executed" })
    }))

  it.live("is refused where there is no other store", () =>
    Effect.gen(function*() {
      const here = newStore()
      yield* run(here, 3)
      expect((yield* Effect.flip(merge(here, join(here, "nowhere")))).message).toMatch(/has no catalog.sqlite/)
      expect((yield* Effect.flip(merge(here, here))).message).toMatch(/is the store to merge into/)
    }))
})
