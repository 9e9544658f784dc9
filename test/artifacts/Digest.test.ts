import { describe, expect, it } from "@effect/vitest"
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { digestJson } from "../../artifacts/CanonicalJson.ts"
import * as Column from "../../artifacts/Column.ts"
import { digestTable } from "../../artifacts/Digest.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import { DrawnRows, Everything, type EverythingRow, fullRow, toRow } from "./fixtures/Everything.ts"

const digestRows = <T extends TableType.Any>(type: T, rows: ReadonlyArray<TableType.Row<T>>) =>
  Effect.map(Table.fromRows(type, rows), digestTable)

const digestArrow = (arrow: Arrow.Table) => Effect.map(Table.fromArrow(Everything, arrow), digestTable)

const equal = (a: unknown, b: unknown): boolean => {
  try {
    expect(a).toEqual(b)
    return true
  } catch {
    return false
  }
}

describe("the digest of a table", () => {
  it.effect.prop(
    "does not depend on batches, slices or the file it was read from",
    [DrawnRows],
    ([drawn]) =>
      Effect.gen(function*() {
        const rows = drawn.map(toRow)
        const whole = yield* Table.fromRows(Everything, rows)
        const expected = digestTable(whole)
        expect(expected.digest).toBe(digestJson(expected.manifest))

        const third = Math.ceil(rows.length / 3)
        const parts = [rows.slice(0, third), rows.slice(third, 2 * third), rows.slice(2 * third)]
        const tables = yield* Effect.forEach(parts, (part) => Table.fromRows(Everything, part))
        const batches = tables.flatMap((part) => part.arrow.batches)
        if (batches.length > 0) expect(yield* digestArrow(new Arrow.Table(batches))).toEqual(expected)

        const padded = yield* Table.fromRows(Everything, [fullRow, ...rows, fullRow])
        const slice = padded.arrow.slice(1, rows.length + 1)
        expect(yield* digestArrow(slice)).toEqual(expected)
        expect(yield* digestArrow(Arrow.tableFromIPC(Arrow.tableToIPC(slice, "file")))).toEqual(expected)
      }),
    { arbitrary: { runs: 40 } }
  )

  it.effect.prop("of different rows is different", [DrawnRows, DrawnRows], ([a, b]) =>
    Effect.gen(function*() {
      const [left, right] = [a.map(toRow), b.map(toRow)]
      const [x, y] = [yield* digestRows(Everything, left), yield* digestRows(Everything, right)]
      expect(x.digest === y.digest).toBe(equal(left, right))
      const names = Object.keys(Everything.columns) as ReadonlyArray<keyof EverythingRow>
      const sameDigest = names.filter((name) => x.columns[name] === y.columns[name])
      expect(sameDigest).toEqual(
        names.filter((name) => equal(left.map((row) => row[name]), right.map((row) => row[name])))
      )
    }))

  it.effect("is the same under a dictionary", () =>
    Effect.gen(function*() {
      const Text = TableType.make("Text", { text: Column.utf8({ nullable: true }) })
      const values = ["b", null, "a", "b", "b", ""]
      const expected = yield* digestRows(Text, values.map((text) => ({ text })))
      for (const indices of [new Arrow.Int8(), new Arrow.Uint32()]) {
        const vector = Arrow.vectorFromArray(values, new Arrow.Dictionary(new Arrow.Utf8(), indices))
        expect(digestTable(yield* Table.fromArrow(Text, new Arrow.Table({ text: vector })))).toEqual(expected)
      }
    }))

  it.effect("does not see what lies under a null", () =>
    Effect.gen(function*() {
      const Numbers = TableType.make("Numbers", { n: Column.int32({ nullable: true }) })
      const expected = yield* digestRows(Numbers, [{ n: 1 }, { n: null }, { n: 3 }])
      const data = Arrow.makeData({
        type: new Arrow.Int32(),
        length: 3,
        nullCount: 1,
        nullBitmap: Uint8Array.of(0b101),
        data: Int32Array.of(1, 99, 3)
      })
      const arrow = new Arrow.Table({ n: new Arrow.Vector([data]) })
      expect(digestTable(yield* Table.fromArrow(Numbers, arrow))).toEqual(expected)
    }))

  it.effect("sees every value of a row", () =>
    Effect.gen(function*() {
      const changes: ReadonlyArray<Partial<EverythingRow>> = [
        { text: "texu" },
        { maybe_text: null },
        { maybe_text: "" },
        { flag: false },
        { maybe_flag: null },
        { count: 4 },
        { maybe_count: null },
        { maybe_count: 0 },
        { single: 1.5000001 },
        { double: 0.1 + 2 ** -55 },
        { maybe_double: null },
        { weights: `${"1".repeat(63)}2` },
        { singles: Float32Array.of(2, 1) },
        { singles: Float32Array.of(1) },
        { counts: null },
        { counts: Int32Array.of() },
        { doubles: Float64Array.of(5, -6) },
        { holes: [7, 8, null] },
        { holes: [7, 8] },
        { words: ["a", "bc"] },
        { words: ["abc"] },
        { words: ["ab", "c", ""] },
        { words: null },
        { messages: [{ role: "user", note: "" }, { role: "assistant", note: "x" }] },
        { messages: [{ role: "user", note: "x" }, { role: "assistant", note: null }] },
        { point: null },
        { point: { x: 0, tags: [true, false] } },
        { point: { x: 1, tags: [false, true] } },
        { nested: [Int32Array.of(1), Int32Array.of(2), Int32Array.of(3)] },
        { nested: [Int32Array.of(), Int32Array.of(1), Int32Array.of(2, 3)] }
      ]
      const { digest } = yield* digestRows(Everything, [fullRow])
      const changeOf = new Map<string, unknown>([[digest, {}]])
      for (const change of changes) {
        const changed = yield* digestRows(Everything, [{ ...fullRow, ...change }])
        // What it collides with, if anything, is the earlier change.
        expect(changeOf.get(changed.digest)).toBeUndefined()
        changeOf.set(changed.digest, change)
      }
      expect(changeOf.size).toBe(changes.length + 1)
    }))

  it.effect("sees where a text ends, where a list ends, and in which row a null is", () =>
    Effect.gen(function*() {
      const Text = TableType.make("Text", { text: Column.utf8({ nullable: true }) })
      const Lists = TableType.make("Lists", { list: Column.list(Column.int32()) })
      const texts = [["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["abc"], [null, "abc"], ["abc", null]]
      const lists = [[[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3], []], [[1, 2, 3]], [[], [1, 2, 3]]]
      const digests = [
        ...(yield* Effect.forEach(texts, (rows) => digestRows(Text, rows.map((text) => ({ text }))))),
        ...(yield* Effect.forEach(lists, (rows) =>
          digestRows(Lists, rows.map((list) => ({ list: Int32Array.from(list) })))))
      ]
      expect(
        new Set(digests.map(({ digest }) =>
          digest
        )).size
      ).toBe(texts.length + lists.length)
    }))

  it.effect("sees the schema: names, order, types, nullability, and the table's name", () =>
    Effect.gen(function*() {
      const a = Column.int32()
      const types = [
        TableType.make("T", { a, b: a }),
        TableType.make("T", { b: a, a }),
        TableType.make("T", { a, c: a }),
        TableType.make("T", { ab: a }),
        TableType.make("T", { a }),
        TableType.make("U", { a, b: a }),
        TableType.make("T", { a, b: Column.int32({ nullable: true }) }),
        TableType.make("T", { a, b: Column.float64() }),
        TableType.make("T", { a, b: Column.float32() })
      ]
      const row = { a: 0, b: 0, c: 0, ab: 0 }
      const digests = yield* Effect.forEach(types, (type) => digestRows<TableType.Any>(type, [row]))
      expect(new Set(digests.map(({ digest }) => digest)).size).toBe(types.length)
      // Without rows there are no values to tell them apart.
      const empty = yield* Effect.forEach(types, (type) => digestRows<TableType.Any>(type, []))
      expect(new Set(empty.map(({ digest }) => digest)).size).toBe(types.length)
    }))

  it.effect("does not see documentation", () =>
    Effect.gen(function*() {
      const plain = yield* digestRows(TableType.make("T", { a: Column.int32() }), [{ a: 1 }])
      const documented = TableType.make("T", { a: Column.int32({ doc: "How many.", unit: "tokens" }) })
      expect(yield* digestRows(documented, [{ a: 1 }])).toEqual(plain)
    }))

  it.effect("of a column is the same under any name and beside any other", () =>
    Effect.gen(function*() {
      const One = TableType.make("One", { a: Column.int32() })
      const Two = TableType.make("Two", { x: Column.utf8(), b: Column.int32() })
      const one = yield* digestRows(One, [{ a: 1 }, { a: 2 }])
      const two = yield* digestRows(Two, [{ x: "", b: 1 }, { x: "", b: 2 }])
      expect(two.columns["b"]).toBe(one.columns["a"])
    }))

  const signalling = (bits: number) => {
    const values = new Float32Array(2)
    new Uint32Array(values.buffer).set([bits, 0x3f800000])
    return values
  }
  it.effect("holds all NaN for one, and 0 and -0 for two", () =>
    Effect.gen(function*() {
      const Singles = TableType.make("Singles", { list: Column.list(Column.float32()), n: Column.float64() })
      const digest = (list: Float32Array, n: number) =>
        Effect.map(digestRows(Singles, [{ list, n }]), ({ digest }) => digest)
      const nan = yield* digest(signalling(0x7fc00000), Number.NaN)
      for (const bits of [0xffc00000, 0x7fc00001, 0x7f800001]) {
        const list = signalling(bits)
        expect(yield* digest(list, Number.NaN)).toBe(nan)
        // The table itself is left as it was.
        expect(new Uint32Array(list.buffer)[0]).toBe(bits >>> 0)
      }
      expect(yield* digest(signalling(0x7f800000), Number.NaN)).not.toBe(nan)
      const wide = new Float64Array(1)
      new Uint32Array(wide.buffer).set([5, 0xfff80000])
      expect(yield* digest(signalling(0x7fc00000), wide[0] ?? 0)).toBe(nan)
      expect(yield* digest(Float32Array.of(0), 0)).not.toBe(yield* digest(Float32Array.of(-0), 0))
      expect(yield* digest(Float32Array.of(0), 0)).not.toBe(yield* digest(Float32Array.of(0), -0))
    }))

  it.effect("lists the directories that rows refer to, once each, at any depth", () =>
    Effect.gen(function*() {
      const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string]
      const Weights = TableType.make("Weights", {
        own: Column.digest({ nullable: true }),
        parts: Column.list(Column.struct({ part: Column.digest(), name: Column.utf8() }))
      })
      const { manifest } = yield* digestRows(Weights, [
        { own: c, parts: [{ part: b, name: a }] },
        { own: null, parts: [{ part: a, name: "" }, { part: b, name: "" }] }
      ])
      expect(manifest.directories).toEqual([a, b, c])
    }))

  it.effect("stays what it was: artifacts stored by an earlier version are found again", () =>
    Effect.gen(function*() {
      const { digest } = yield* digestRows(Everything, [fullRow, {
        ...fullRow,
        counts: null,
        words: null,
        point: null
      }])
      expect(digest).toMatchInlineSnapshot(`"9f613707cc2606a6ede109dc49398608e14385409f67711277d88f68493bb89a"`)
    }))

  it.effect.prop("is the same for long and short pieces of one stream", [
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))
  ], ([pieces]) =>
    Effect.gen(function*() {
      const Long = TableType.make("Long", { n: Column.float64({ nullable: true }), text: Column.utf8() })
      const rows = Array.from({ length: 9000 }, (_, n) => ({ n: n % 1000 === 0 ? null : n, text: `${n}` }))
      const size = Math.ceil(rows.length / pieces)
      const parts = yield* Effect.forEach(Array.from({ length: pieces }, (_, index) => index), (index) =>
        Table.fromRows(Long, rows.slice(index * size, (index + 1) * size)))
      const joined = new Arrow.Table(parts.flatMap((part) =>
        part.arrow.batches
      ))
      expect(digestTable(yield* Table.fromArrow(Long, joined))).toEqual(yield* digestRows(Long, rows))
    }), { arbitrary: { runs: 9 } })
})
