import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { Column, TableType } from "gemflow"
import { digestTable } from "../../../artifacts/Digest.ts"
import { Table } from "../../../artifacts/Table.ts"
import { concatenate, takeRows } from "../../../artifacts/TableRows.ts"
import { partitioner, partitionsOf } from "../../../runtime/execution/Partitioner.ts"

const Words = TableType.make("Words", {
  prompt_id: Column.utf8({ doc: "group" }),
  row: Column.int32({ doc: "position" }),
  flag: Column.bool({ nullable: true }),
  values: Column.list(Column.float32())
})
type Word = TableType.Row<typeof Words>

const mapped = { over: "words", by: ["prompt_id"], groups: 4 }

const word = (prompt_id: string, row: number): Word => ({
  prompt_id,
  row,
  flag: row % 3 === 0 ? null : row % 2 === 0,
  values: Float32Array.from({ length: row % 4 }, (_, i) => i + row)
})

/** Groups of one to three rows each, in order. */
const rowsOf = (prompts: ReadonlyArray<string>): ReadonlyArray<Word> =>
  prompts.flatMap((prompt, index) => Array.from({ length: 1 + index % 3 }, () => prompt)).map(word)

const digests = (tables: ReadonlyArray<Table<typeof Words>>) => tables.map((table) => digestTable(table).digest)

const prompts = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `prompt ${from + index}`)

describe("partitionsOf", () => {
  it.effect("cuts between groups, in order, within the bounds of their number", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(Words, rowsOf(prompts(100)))
      const partitions = yield* partitionsOf(table, mapped)
      expect(partitions.length).toBeGreaterThan(100 / 8)
      expect(partitions.length).toBeLessThanOrEqual(100 / 2)
      const groups = partitions.map((each) => new Set(each.column("prompt_id")))
      groups.slice(0, -1).forEach(({ size }) => {
        expect(size).toBeGreaterThanOrEqual(2)
        expect(size).toBeLessThanOrEqual(8)
      })
      expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(100)
      expect(digestTable(yield* concatenate(Words, partitions)).digest).toBe(digestTable(table).digest)
    }))

  it.effect("of a table without rows there are none", () =>
    Effect.gen(function*() {
      expect(yield* partitionsOf(yield* Table.fromRows(Words, []), mapped)).toEqual([])
    }))

  it.effect("brings the rows of a group together", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(Words, ["a", "b", "a", "c", "b"].map(word))
      const rows = (yield* partitionsOf(table, { ...mapped, groups: 1 })).map((each) => each.column("row"))
      expect(rows).toEqual([[0, 2], [1, 4], [3]])
    }))

  it.effect("keeps most partitions when groups are appended, inserted or removed", () =>
    Effect.gen(function*() {
      const before = digests(yield* partitionsOf(yield* Table.fromRows(Words, oneRowEach(prompts(400))), mapped))
      const edits: Record<string, ReadonlyArray<string>> = {
        appended: [...prompts(400), "new 1", "new 2"],
        inserted: ["new 1", ...prompts(200), "new 2", ...prompts(200, 200)],
        removed: [...prompts(150), ...prompts(249, 151)]
      }
      for (const [edit, edited] of Object.entries(edits)) {
        const after = digests(yield* partitionsOf(yield* Table.fromRows(Words, oneRowEach(edited)), mapped))
        const computed = after.filter((digest) => !before.includes(digest))
        expect({ edit, isMost: computed.length >= 10 }).toEqual({ edit, isMost: false })
        expect(computed.length).toBeGreaterThan(edit === "removed" ? -1 : 0)
      }
    }))
})

/** A row per prompt whose content depends on the prompt alone, as that of real rows does. */
const oneRowEach = (prompts: ReadonlyArray<string>) => prompts.map((prompt) => word(prompt, prompt.length))

describe("partitioner", () => {
  const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

  it.effect.prop(
    "gives of a table in pieces the partitions of the whole",
    [between(0, 60), Arbitrary.array(Arbitrary.schema(between(0, 7)), { maxLength: 12 })],
    ([count, lengths]) =>
      Effect.gen(function*() {
        const table = yield* Table.fromRows(Words, rowsOf(prompts(count)))
        const parts = partitioner(Words, mapped)
        const found: Array<Table<typeof Words>> = []
        let from = 0
        for (const length of [...lengths, table.numRows]) {
          const to = Math.min(from + length, table.numRows)
          const piece = yield* takeRows(table, Array.from({ length: to - from }, (_, index) => from + index))
          found.push(...(yield* parts.add(piece)) ?? [])
          from = to
        }
        found.push(...yield* parts.end)
        expect(digests(found)).toEqual(digests(yield* partitionsOf(table, mapped)))
      })
  )

  it.effect("gives up where the rows of a group stand apart", () =>
    Effect.gen(function*() {
      const parts = partitioner(Words, mapped)
      expect(yield* parts.add(yield* Table.fromRows(Words, ["a", "b"].map(word)))).toEqual([])
      expect(yield* parts.add(yield* Table.fromRows(Words, ["b", "a"].map(word)))).toBeUndefined()
    }))
})
