import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import * as Column from "../../../artifacts/Column.ts"
import { Table } from "../../../artifacts/Table.ts"
import * as TableType from "../../../artifacts/TableType.ts"
import { catalogPath } from "../../../runtime/lineage/Catalog.ts"
import { verifyStore } from "../../../runtime/store/VerifyStore.ts"
import { newStore, runPipeline, storeLayer } from "../execution/inStore.ts"
import { doubled } from "./pipelines.ts"

const inNewStore = <A, E>(
  test: (store: string) => Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>
) => {
  const store = newStore()
  return Effect.provide(test(store), storeLayer(store))
}

/** Changes one byte in the middle of a file. */
const damage = (file: string) => {
  const bytes = readFileSync(file)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

const Weights = TableType.make("Weights", { checkpoint: Column.digest() })

describe("verifying a store", () => {
  it.live("finds everything as stored", () =>
    inNewStore(() =>
      Effect.gen(function*() {
        yield* runPipeline(doubled())
        const seen: Array<number> = []
        const found = yield* verifyStore(({ done }) => seen.push(done))
        expect(found).toMatchObject({ tables: 2, directories: 0, damages: [] })
        expect(found.bytes).toBeGreaterThan(1000)
        expect(seen).toEqual([1, 2])
      })
    ))

  it.live("quarantines what is damaged, names the node and the run, and the next run computes it", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const first = yield* runPipeline(doubled())
        const second = yield* runPipeline(doubled())
        const artifacts = yield* ArtifactStore
        const digest = first.result.outputs.get("scale") ?? ""
        damage(artifacts.path(digest))
        const { damages } = yield* verifyStore()
        const runs = [first.result.run, second.result.run].toSorted()
        expect(damages).toEqual([{ kind: "table", digest, state: "quarantined", nodes: ["scale"], runs }])
        expect(readdirSync(join(store, "quarantine"))).toHaveLength(1)
        expect((yield* verifyStore()).damages).toMatchObject([{ digest, state: "missing", nodes: ["scale"] }])
        expect((yield* runPipeline(doubled())).statuses).toEqual({ numbers: "cached", scale: "executed" })
        expect((yield* verifyStore()).damages).toEqual([])
      })
    ))

  it.live("names the tables that refer to a damaged directory", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const artifacts = yield* ArtifactStore
        const source = mkdtempSync(join(store, "..", "source-"))
        writeFileSync(join(source, "weights.bin"), "weights")
        const directory = yield* artifacts.putDirectory(source)
        yield* artifacts.put(yield* Table.fromRows(Weights, [{ checkpoint: directory }]))
        damage(join(yield* artifacts.directoryPath(directory), "weights.bin"))
        expect((yield* verifyStore()).damages).toMatchObject([{ kind: "directory", digest: directory }])
      })
    ))

  it.live("finds rows of the catalog that were altered", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        yield* runPipeline(doubled())
        const database = new DatabaseSync(catalogPath(store))
        database.exec("UPDATE actions SET row_count = row_count + 1 WHERE node = 'scale'")
        database.close()
        const { damages } = yield* verifyStore()
        expect(damages.map(({ kind, state }) => [kind, state])).toContainEqual(["catalog", "altered"])
        expect(damages[0]?.message).toContain("actions")
        rmSync(store, { recursive: true })
      })
    ))
})
