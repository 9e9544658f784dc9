import { describe, expect, it } from "@effect/vitest"
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import * as Column from "../../artifacts/Column.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import { DrawnRows, Everything, fullRow, toRow } from "./fixtures/Everything.ts"

const ipc = (table: Arrow.Table) => Arrow.tableFromIPC(Arrow.tableToIPC(table, "file"))

describe("rows", () => {
  it.effect.prop(
    "come back as they went in, also through an Arrow file, in one batch or several",
    [DrawnRows],
    ([drawn]) =>
      Effect.gen(function*() {
        const rows = drawn.map(toRow)
        const table = yield* Table.fromRows(Everything, rows)
        expect(table.numRows).toBe(rows.length)
        expect(table.rows()).toEqual(rows)
        expect(table.column("words")).toEqual(rows.map((row) => row.words))
        const read = yield* Table.fromArrow(Everything, ipc(table.arrow))
        expect(read.rows()).toEqual(rows)
        const half = rows.length >> 1
        const parts = [rows.slice(0, half), rows.slice(half)]
        const batches = (yield* Effect.forEach(parts, (part) => Table.fromRows(Everything, part)))
          .flatMap((part) => part.arrow.batches)
        if (batches.length > 0) {
          const joined = yield* Table.fromArrow(Everything, new Arrow.Table(batches))
          expect(joined.rows()).toEqual(rows)
        }
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop(
    "of a slice of an Arrow table are those of the slice",
    [DrawnRows],
    ([drawn]) =>
      Effect.gen(function*() {
        const rows = drawn.map(toRow)
        const { arrow } = yield* Table.fromRows(Everything, rows)
        for (const [from, to] of [[1, rows.length], [2, 5], [0, 3]] as const) {
          if (from >= to || to > rows.length) continue
          const slice = yield* Table.fromArrow(Everything, arrow.slice(from, to))
          expect(slice.rows()).toEqual(rows.slice(from, to))
          expect((yield* Table.fromArrow(Everything, ipc(slice.arrow))).rows()).toEqual(rows.slice(from, to))
        }
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect("past one batch keep their order, with nulls on either side of its end", () =>
    Effect.gen(function*() {
      const Long = TableType.make("Long", { n: Column.int32({ nullable: true }), terms: Column.list(Column.float32()) })
      const rows = Array.from({ length: 65_536 + 3 }, (_, n) => ({
        n: n % 65_535 < 3 ? null : n,
        terms: Float32Array.of(n)
      }))
      const table = yield* Table.fromRows(Long, rows)
      expect(table.arrow.batches).toHaveLength(2)
      expect(table.column("n")).toEqual(rows.map((row) => row.n))
      expect(table.column("terms")[65_537]).toEqual(Float32Array.of(65_537))
    }))

  it.effect("lose what the type does not have", () =>
    Effect.gen(function*() {
      const Text = TableType.pick(Everything, "text")
      expect((yield* Table.fromRows(Text, [fullRow])).rows()).toEqual([{ text: "text" }])
    }))

  it.effect("are rounded to float32 where the column is", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(TableType.pick(Everything, "single"), [{ single: 0.1 }])
      expect(table.column("single")).toEqual([Math.fround(0.1)])
    }))
})

describe("a row that is not of the type", () => {
  const cases: ReadonlyArray<readonly [string, unknown, string]> = [
    ["text", 5, "column text, row 1: expected text without lone surrogates, found 5."],
    ["text", null, "column text, row 1: expected text without lone surrogates, found null."],
    ["text", undefined, "column text, row 1: expected text without lone surrogates, found nothing."],
    ["text", "\ud83d", "column text, row 1: expected text without lone surrogates"],
    ["flag", 1, "column flag, row 1: expected true or false, found 1."],
    ["count", 1.5, "column count, row 1: expected an integer of 32 bits, found 1.5."],
    ["count", 2 ** 31, "expected an integer of 32 bits, found 2147483648."],
    ["maybe_count", "3", "expected an integer of 32 bits or null, found \"3\"."],
    ["double", "1", "column double, row 1: expected a number, found \"1\"."],
    ["weights", "ABC", "column weights, row 1: expected a digest of 64 lowercase hex digits, found \"ABC\"."],
    ["singles", "abc", "column singles, row 1: expected a list, found \"abc\"."],
    ["counts", [1, 2.5], "column counts[1], row 1: expected an integer of 32 bits, found 2.5."],
    ["counts", Float32Array.of(1, 2.5), "column counts[1], row 1"],
    ["doubles", [1, null], "column doubles[1], row 1: expected a number, found null."],
    ["messages", [{ role: "user", note: null }, { note: null }], "column messages[1].role, row 1: expected text"],
    ["messages", ["hello"], "column messages[0], row 1: expected an object with role, note, found \"hello\"."],
    ["point", { x: 1, tags: [true, "no"] }, "column point.tags[1], row 1: expected true or false, found \"no\"."],
    ["point", [1], "column point, row 1: expected an object with x, tags or null, found an array of 1."],
    ["nested", [[1], 2], "column nested[1], row 1: expected a list, found 2."]
  ]
  it.effect.each(cases)("has its place named: %s = %j", ([column, value, message]) =>
    Effect.gen(function*() {
      const rows = [fullRow, { ...fullRow, [column]: value }]
      const error = yield* Effect.flip(Table.fromRows(Everything, rows))
      expect(error._tag).toBe("TableMismatch")
      expect(error.message).toContain(`Table Everything, `)
      expect(error.message).toContain(message)
    }))

  it.effect("may hold plain arrays of numbers where lists of numbers are asked for", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(Everything, [{
        ...fullRow,
        ...JSON.parse(`{"counts":[1,2],"singles":[0.5]}`)
      }])
      expect(table.column("counts")).toEqual([Int32Array.of(1, 2)])
      expect(table.column("singles")).toEqual([Float32Array.of(0.5)])
    }))
})

describe("an Arrow table", () => {
  const Named = TableType.make("Named", { name: Column.utf8(), score: Column.float64({ nullable: true }) })

  it.effect("is found by column name, in any order, with its other columns left out", () =>
    Effect.gen(function*() {
      const arrow = Arrow.tableFromArrays({
        extra: Int32Array.of(1, 2),
        score: Float64Array.of(0.5, 1.5),
        name: ["a", "b"]
      })
      const table = yield* Table.fromArrow(Named, arrow)
      expect(table.rows()).toEqual([{ name: "a", score: 0.5 }, { name: "b", score: 1.5 }])
      expect(table.arrow.schema.fields.map((field) => field.name)).toEqual(["name", "score"])
    }))

  it.effect("keeps its buffers", () =>
    Effect.gen(function*() {
      const bytes = Arrow.tableToIPC((yield* Table.fromRows(Everything, [fullRow])).arrow, "file")
      const table = yield* Table.fromArrow(Everything, Arrow.tableFromIPC(bytes))
      expect(table.column("singles")[0]?.buffer).toBe(bytes.buffer)
      const projected = yield* table.project(TableType.pick(Everything, "singles"))
      expect(projected.column("singles")[0]?.buffer).toBe(bytes.buffer)
    }))

  it.effect("in other encodings of the same values is rewritten", () =>
    Effect.gen(function*() {
      const dictionary = new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32())
      for (const type of [dictionary, new Arrow.LargeUtf8(), new Arrow.Utf8View()]) {
        const arrow = new Arrow.Table({
          name: Arrow.vectorFromArray(["a", "b", "a", "long enough not to be inlined"], type),
          score: Arrow.vectorFromArray([1, null, 3, 4], new Arrow.Float64())
        })
        const table = yield* Table.fromArrow(Named, arrow)
        expect(table.column("name")).toEqual(["a", "b", "a", "long enough not to be inlined"])
        expect(Arrow.DataType.isUtf8(table.arrow.schema.fields[0]?.type)).toBe(true)
      }
    }))

  it.effect("carries documentation and units to other libraries", () =>
    Effect.gen(function*() {
      const { schema } = ipc((yield* Table.fromRows(Everything, [])).arrow)
      expect(schema.metadata.get("gemflow.table")).toBe("Everything")
      expect(Object.fromEntries(schema.fields[0]?.metadata ?? [])).toEqual({ doc: "text", unit: "words" })
      expect(schema.fields.map((field) => field.nullable)).toEqual(
        Object.values(Everything.columns).map((column) => column.nullable)
      )
    }))

  const wrong: ReadonlyArray<readonly [string, () => Arrow.Table, string]> = [
    [
      "lacks a column",
      () => Arrow.tableFromArrays({ name: ["a"] }),
      "column score: expected float64?, found no such column."
    ],
    [
      "has numbers of another width",
      () => Arrow.tableFromArrays({ name: ["a"], score: Float32Array.of(1) }),
      "column score: expected float64?, found Arrow Float32."
    ],
    [
      "has another kind",
      () => Arrow.tableFromArrays({ name: Int32Array.of(1), score: Float64Array.of(1) }),
      "column name: expected utf8, found Arrow Int32."
    ],
    [
      "has nulls where none may be",
      () =>
        new Arrow.Table({
          name: Arrow.vectorFromArray(["a", null], new Arrow.Utf8()),
          score: Arrow.vectorFromArray([1, 2], new Arrow.Float64())
        }),
      "column name, row 1: expected a value, found null."
    ]
  ]
  it.effect.each(wrong)("that %s is a mismatch", ([, make, message]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Table.fromArrow(Named, make()))
      expect(error.message).toBe(`Table Named, ${message}`)
    }))

  const text = (offsets: ReadonlyArray<number>, bytes: ReadonlyArray<number>, length = offsets.length - 1) => {
    const type = new Arrow.Utf8()
    const data = Arrow.makeData({ type, length, valueOffsets: Int32Array.from(offsets), data: Uint8Array.from(bytes) })
    return new Arrow.Table({ text: new Arrow.Vector([data]) })
  }
  it.effect.each<readonly [string, Arrow.Table, string]>([
    ["run backwards", text([0, 2, 1], [97, 98]), "row 2: expected an offset from 2 to 2, found 1"],
    ["leave the buffer", text([0, 1, 900], [97, 98]), "row 2: expected an offset from 1 to 2, found 900"],
    ["are negative", text([-5, 1], [97]), "row 0: expected an offset from 0 to 1, found -5"],
    ["are too few", text([0, 1], [97], 5), "expected 6 offsets, found 2"],
    ["cut a character", text([0, 1, 2], [0xc3, 0xa9]), "row 1: expected text in UTF-8, found other bytes"],
    ["hold other bytes than UTF-8", text([0, 1, 2], [97, 0xff]), "row 1: expected text in UTF-8, found other bytes"]
  ])("whose text offsets %s is refused, not read", ([, arrow, message]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Table.fromArrow(TableType.pick(Everything, "text"), arrow))
      expect(error.message).toContain(`Table Everything, column text`)
      expect(error.message).toContain(message)
    }))

  it.effect("may hold anything where no value is: under null lists and structs", () =>
    Effect.gen(function*() {
      const Lists = TableType.make("Lists", { list: Column.list(Column.utf8(), { nullable: true }) })
      const item = new Arrow.Field("item", new Arrow.Utf8(), true)
      const child = Arrow.vectorFromArray(["a", null, "b", null], new Arrow.Utf8()).data[0]
      if (child === undefined) throw new Error("no data")
      const list = (nullBitmap: number) =>
        new Arrow.Table({
          list: new Arrow.Vector([Arrow.makeData({
            type: new Arrow.List(item),
            length: 3,
            nullCount: -1,
            nullBitmap: Uint8Array.of(nullBitmap),
            valueOffsets: Int32Array.of(0, 1, 2, 3),
            child
          })])
        })
      expect((yield* Table.fromArrow(Lists, list(0b101))).rows()).toEqual([{ list: ["a"] }, { list: null }, {
        list: ["b"]
      }])
      const error = yield* Effect.flip(Table.fromArrow(Lists, list(0b011)))
      expect(error.message).toBe("Table Lists, column list[0], row 1: expected a value, found null.")
    }))
})

describe("project", () => {
  it.effect("keeps the named columns in the other type's order", () =>
    Effect.gen(function*() {
      const table = yield* Table.fromRows(Everything, [fullRow])
      const Two = TableType.make("Two", {
        words: Column.list(Column.utf8(), { nullable: true }),
        count: Column.int32()
      })
      const projected = yield* table.project(Two)
      expect(projected.rows()).toEqual([{ words: ["ab", "c"], count: 3 }])
      expect(Object.keys(projected.rows()[0] ?? {})).toEqual(["words", "count"])
    }))

  it.effect("accepts nulls only where they are allowed or absent", () =>
    Effect.gen(function*() {
      const NoNulls = TableType.make("NoNulls", { maybe_text: Column.utf8() })
      const without = yield* Table.fromRows(Everything, [fullRow])
      expect((yield* without.project(NoNulls)).rows()).toEqual([{ maybe_text: "maybe" }])
      const having = yield* Table.fromRows(Everything, [fullRow, { ...fullRow, maybe_text: null }])
      expect((yield* Effect.flip(having.project(NoNulls))).message).toContain("column maybe_text, row 1")
    }))
})
