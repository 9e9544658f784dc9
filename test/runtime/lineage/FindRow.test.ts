import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Column from "../../../artifacts/Column.ts"
import { Table } from "../../../artifacts/Table.ts"
import * as TableType from "../../../artifacts/TableType.ts"
import { findRow } from "../../../runtime/lineage/FindRow.ts"
import { joinIndex, RowIndex } from "../../../runtime/lineage/RowIds.ts"

const Items = TableType.make("Items", { item_id: Column.utf8({ id: true }), group_id: Column.utf8({ id: true }) })
const table = Effect.runSync(
  Effect.flatMap(
    Table.fromRows(Items, [
      { item_id: "ab1", group_id: "g1" },
      { item_id: "ab", group_id: "g1" },
      { item_id: "cd", group_id: "g2" }
    ]),
    (table) => table.project<TableType.Any>(Items)
  )
)
const find = (asked: string, ids: ReadonlyArray<string> = ["item_id", "group_id"]) => findRow("n", table, ids, asked)
const problem = (asked: string, ids?: ReadonlyArray<string>) => {
  const found = find(asked, ids)
  return typeof found === "number" ? "" : found.message
}

describe("findRow", () => {
  it("takes a number, an id, or the beginning of one", () => {
    expect([find("#1"), find("#3"), find("ab"), find("ab1"), find("c"), find("g2")]).toEqual([0, 2, 1, 0, 2, 2])
  })

  it("says what there is instead", () => {
    expect(problem("#4")).toContain("rows #1 to #3")
    expect(problem("a")).toContain("#1 (ab1), #2 (ab)")
    expect(problem("g1")).toContain("2 rows have it")
    expect(problem("zz")).toContain("The first row is ab1, or #1")
    expect(problem("ab", [])).toContain("`id: true`")
  })
})

describe("joinIndex", () => {
  it("prefers an id that is unique where rows are looked for", () => {
    const indexOf = (columns: ReadonlyArray<string>) => new RowIndex(table, columns)
    expect(joinIndex(["group_id", "item_id"], indexOf)?.columns).toEqual(["item_id"])
    expect(joinIndex(["group_id"], indexOf)?.find(["g1"])).toEqual([0, 1])
    expect(joinIndex([], indexOf)).toBeUndefined()
    expect(new RowIndex(table, ["item_id"]).find([null])).toEqual([])
  })
})
