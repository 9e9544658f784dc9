import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Column from "../../../artifacts/Column.ts"
import { digestTable } from "../../../artifacts/Digest.ts"
import { Table } from "../../../artifacts/Table.ts"
import * as TableType from "../../../artifacts/TableType.ts"
import { diffTables } from "../../../runtime/lineage/TableDiff.ts"

const Scores = TableType.make("Scores", {
  item_id: Column.utf8({ id: true }),
  score: Column.float64(),
  steps: Column.list(Column.float32())
})
const Plain = TableType.make("Plain", { score: Column.float64({ nullable: true }) })
const Labelled = TableType.make("Labelled", { label: Column.utf8(), accuracy: Column.float64() })
const Repeated = TableType.make("Repeated", { item_id: Column.utf8({ id: true }), text: Column.utf8() })

const diffed = <T extends TableType.Any>(type: T, rows: ReadonlyArray<TableType.Row<T>>) => {
  const table = Effect.runSync(Table.fromRows(type, rows))
  const columns = Object.fromEntries(digestTable(table).manifest.columns.map(({ digest, name }) => [name, digest]))
  return { table: Effect.runSync(table.project<TableType.Any>(type)), columns }
}

const row = (item_id: string, score: number, ...steps: ReadonlyArray<number>) => ({
  item_id,
  score,
  steps: Float32Array.from(steps)
})

describe("diffTables", () => {
  it("matches rows by their ids, wherever they stand", () => {
    const before = diffed(Scores, [row("a", 1, 1), row("b", 2, 2), row("c", 3, 3)])
    const after = diffed(Scores, [row("d", 4, 4), row("c", 3, 3), row("a", 1.5, 1, 2)])
    expect(diffTables(before, after, 5)).toMatchObject({
      matchedBy: ["item_id"],
      added: 1,
      removed: 1,
      changed: 1,
      same: 1,
      changedIn: { score: 1, steps: 1 },
      changedColumns: ["item_id", "score", "steps"],
      examples: [
        { change: "changed", row: "item_id a", values: { score: { before: 1, after: 1.5 } } },
        { change: "removed", row: "item_id b" },
        { change: "added", row: "item_id d" }
      ]
    })
  })

  it("names no more rows than asked for, and counts all", () => {
    const before = diffed(Scores, Array.from({ length: 60 }, (_, index) => row(`i${index}`, index)))
    const after = diffed(Scores, Array.from({ length: 60 }, (_, index) => row(`i${index}`, index + 1)))
    const diff = diffTables(before, after, 2)
    expect(diff.examples).toHaveLength(2)
    expect(diff).toMatchObject({ changed: 60, sameColumns: ["item_id", "steps"], metrics: [] })
  })

  it("matches rows without ids by a label, else by their place", () => {
    const labels = diffTables(
      diffed(Labelled, [{ label: "base", accuracy: 0.5 }, { label: "sft", accuracy: 0.75 }]),
      diffed(Labelled, [{ label: "sft", accuracy: 1 }, { label: "base", accuracy: 0.5 }]),
      5
    )
    expect(labels).toMatchObject({ matchedBy: ["label"], changed: 1, same: 1 })
    expect(labels.metrics).toContainEqual({
      row: "label sft",
      column: "accuracy",
      before: 0.75,
      after: 1,
      difference: 0.25
    })
    const places = diffTables(diffed(Plain, [{ score: 1 }, { score: null }]), diffed(Plain, [{ score: Number.NaN }]), 5)
    expect(places).toMatchObject({ matchedBy: [], changed: 1, removed: 1, same: 0 })
    expect(places.examples.map(({ row }) => row)).toEqual(["#1", "#2"])
  })

  it("pairs the occurrences of an id that repeats", () => {
    const before = diffed(Repeated, [{ item_id: "a", text: "1" }, { item_id: "a", text: "2" }])
    const after = diffed(Repeated, [{ item_id: "a", text: "1" }, { item_id: "a", text: "3" }, {
      item_id: "a",
      text: "4"
    }])
    expect(diffTables(before, after, 5)).toMatchObject({ same: 1, changed: 1, added: 1, removed: 0 })
  })

  it("of a table with itself is nothing, also with numbers that are none", () => {
    const table = diffed(Plain, [{ score: Number.NaN }, { score: null }, { score: 1 }])
    expect(diffTables(table, table, 5)).toMatchObject({ same: 3, changed: 0, changedColumns: [], examples: [] })
  })

  it("tells columns that are new, gone, or of another type", () => {
    const Other = TableType.make("Other", { score: Column.int32(), extra: Column.bool() })
    const diff = diffTables(diffed(Plain, [{ score: 1 }]), diffed(Other, [{ score: 1, extra: true }]), 5)
    expect(diff).toMatchObject({ addedColumns: ["extra"], changedColumns: ["score float64? -> int32"] })
  })
})
