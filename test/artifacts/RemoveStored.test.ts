import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, utimesSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import * as Column from "../../artifacts/Column.ts"
import { removeStored } from "../../artifacts/RemoveStored.ts"
import { storedTables } from "../../artifacts/StoreContents.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"

const Numbers = TableType.make("Numbers", { value: Column.float64() })

/** A store with one table, the table as it is listed, and whether it is there. */
const withTable = Effect.gen(function*() {
  const root = mkdtempSync(join(tmpdir(), "gemflow-remove-"))
  const store = yield* Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(root))
  const table = yield* Table.fromRows(Numbers, [{ value: 1 }])
  const { digest } = yield* store.put(table)
  const [item] = yield* storedTables(root)
  if (item === undefined) throw new Error("the table is not listed")
  return { root, store, table, digest, item }
})

describe("removing what is stored", () => {
  it.live("removes it, and nothing is left", () =>
    Effect.gen(function*() {
      const { digest, item, root, store } = yield* withTable
      expect(yield* removeStored(root, item, Effect.succeed(false))).toBe(true)
      expect(yield* store.has(digest)).toBe(false)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }))

  it.live("puts it back when somebody turns out to want it, or asking fails", () =>
    Effect.gen(function*() {
      const { digest, item, root, store } = yield* withTable
      expect(yield* removeStored(root, item, Effect.succeed(true))).toBe(false)
      expect(yield* store.verify(digest)).toBe(true)
      expect(yield* Effect.flip(removeStored(root, item, Effect.fail("no answer")))).toBe("no answer")
      expect(yield* store.verify(digest)).toBe(true)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }))

  it.live("puts it back when it was found to be stored already since it was listed", () =>
    Effect.gen(function*() {
      const { digest, item, root, store, table } = yield* withTable
      const folder = dirname(store.path(digest))
      const then = new Date(Date.now() - 60_000)
      utimesSync(folder, then, then)
      const [listed = item] = yield* storedTables(root)
      yield* store.put(table)
      expect(yield* removeStored(root, listed, Effect.succeed(false))).toBe(false)
      expect(yield* store.verify(digest)).toBe(true)
    }))

  it.live("keeps what is stored while it is aside", () =>
    Effect.gen(function*() {
      const { digest, item, root, store, table } = yield* withTable
      // In this instant another process stores the same.
      const meanwhile = Effect.as(store.put(table), true)
      expect(yield* removeStored(root, item, meanwhile)).toBe(false)
      expect(yield* store.verify(digest)).toBe(true)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }))
})
