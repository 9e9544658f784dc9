/** Tables that another Arrow implementation wrote (fixtures/pyarrow/write.py) have the digests of our own. */
import { describe, expect, it } from "@effect/vitest"
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Column from "../../artifacts/Column.ts"
import { digestTable } from "../../artifacts/Digest.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"

const folder = join(import.meta.dirname, "fixtures", "pyarrow")
const read = (name: string) => Arrow.tableFromIPC(readFileSync(join(folder, name)))

const Rows = TableType.make("Rows", {
  text: Column.utf8(),
  maybe_text: Column.utf8({ nullable: true }),
  flag: Column.bool({ nullable: true }),
  whole: Column.int32({ nullable: true }),
  single: Column.float32(),
  double: Column.float64({ nullable: true }),
  numbers: Column.list(Column.float32(), { nullable: true }),
  words: Column.list(Column.utf8({ nullable: true })),
  messages: Column.list(Column.struct({ role: Column.utf8(), note: Column.utf8({ nullable: true }) })),
  point: Column.struct({ x: Column.float64(), tags: Column.list(Column.bool()) }, { nullable: true })
})

const first = {
  text: "a",
  maybe_text: null,
  flag: true,
  whole: 1,
  single: 0.5,
  double: 0.1,
  numbers: Float32Array.of(1.5, -2),
  words: ["x", null],
  messages: [{ role: "user", note: null }],
  point: { x: 1, tags: [true, false] }
}
const rows: ReadonlyArray<TableType.Row<typeof Rows>> = [
  first,
  {
    text: "",
    maybe_text: "",
    flag: null,
    whole: null,
    single: -0,
    double: Number.NaN,
    numbers: null,
    words: [],
    messages: [],
    point: null
  },
  {
    text: "日本🙂",
    maybe_text: "a",
    flag: false,
    whole: -(2 ** 31),
    single: Number.NaN,
    double: null,
    numbers: Float32Array.of(),
    words: [""],
    messages: [{ role: "", note: "é" }, { role: "b", note: "" }],
    point: { x: -0, tags: [] }
  },
  {
    text: "a",
    maybe_text: "a",
    flag: true,
    whole: 2 ** 31 - 1,
    single: Infinity,
    double: 1e300,
    numbers: Float32Array.of(Number.NaN),
    words: ["x", "y"],
    messages: [{ role: "c", note: null }],
    point: { x: Number.NaN, tags: [false] }
  }
]
const noNulls = { ...first, maybe_text: "m", words: ["x"], messages: [] }

describe("a table that pyarrow wrote", () => {
  const same = [
    ["rows.arrow", rows],
    ["dictionary.arrow", rows],
    ["batches.arrow", rows],
    ["sliced.arrow", rows],
    ["large.arrow", rows],
    ["stream.arrows", rows],
    ["no-nulls.arrow", [noNulls, noNulls]],
    ["empty.arrow", []]
  ] as const
  it.effect.each(same)("%s has the digest and the rows of our own", ([name, expected]) =>
    Effect.gen(function*() {
      const theirs = yield* Table.fromArrow(Rows, read(name))
      const ours = yield* Table.fromRows(Rows, expected)
      expect(theirs.rows()).toEqual(expected)
      // Column by column first: it says which one is wrong.
      expect(digestTable(theirs).columns).toEqual(digestTable(ours).columns)
      expect(digestTable(theirs).digest).toBe(digestTable(ours).digest)
    }))

  it("is there in every encoding that the script writes", () => {
    const written = readdirSync(folder).filter((name) => /\.arrows?$/.test(name) && !name.startsWith("unsupported"))
    expect(written.toSorted()).toEqual(same.map(([name]) => name).toSorted())
  })

  it.effect.each(
    [
      ["unsupported-int64.arrow", Column.int32(), "expected int32, found Arrow Int64"],
      ["unsupported-timestamp.arrow", Column.int32(), "expected int32, found Arrow Timestamp"],
      ["unsupported-map.arrow", Column.list(Column.int32()), "expected list<int32>, found Arrow Map"],
      ["unsupported-nested-int8.arrow", Column.list(Column.int32()), "expected list<int32>, found Arrow List<Int8>"]
    ] as const
  )("%s is refused by name", ([name, column, says]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Table.fromArrow(TableType.make("Rows", { whole: column }), read(name)))
      expect([error._tag, error.message]).toEqual(["TableMismatch", expect.stringContaining(says)])
    }))
})
