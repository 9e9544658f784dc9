import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { intact, rowChecksum } from "../../../runtime/lineage/RowChecksum.ts"

const Row = Schema.Record(
  Schema.Literals(["run", "node", "output", "rows", "error"]),
  Schema.Union([Schema.String, Schema.Int, Schema.Null])
)

describe("the checksum of a row", () => {
  it.prop("is the same in any order of the columns", [Row], ([row]) => {
    expect(rowChecksum(Object.fromEntries(Object.entries(row).toReversed()))).toBe(rowChecksum(row))
  })

  it.prop("is another when a value changes", [Row, Schema.String], ([row, text]) => {
    if (row["output"] === text) return
    expect(() => intact({ ...row, output: text, checksum: rowChecksum(row) })).toThrow("the file is damaged")
  })

  it("is another when a value moves to another column, or a number becomes its text", () => {
    expect(rowChecksum({ a: "x", b: null })).not.toBe(rowChecksum({ a: null, b: "x" }))
    expect(rowChecksum({ a: 5 })).not.toBe(rowChecksum({ a: "5" }))
  })

  it("holds for rows with a column that a later release added, and rows from before there were any", () => {
    const row = { run: "r", node: "n" }
    expect(intact({ ...row, added: null, checksum: rowChecksum(row) })).toMatchObject(row)
    expect(intact({ ...row, checksum: null })).toMatchObject(row)
  })
})
