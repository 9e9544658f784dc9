import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readdirSync } from "node:fs"
import * as Column from "../../artifacts/Column.ts"
import * as Tables from "../../artifacts/index.ts"
import { Candidates } from "../../artifacts/tables/Candidates.ts"
import type { PreferencePairs } from "../../artifacts/tables/PreferencePairs.ts"
import * as TableType from "../../artifacts/TableType.ts"

const Everything = TableType.make("Everything", {
  text: Column.utf8({ doc: "text" }),
  maybe_text: Column.utf8({ nullable: true }),
  flag: Column.bool(),
  count: Column.int32(),
  single: Column.float32({ unit: "nats" }),
  double: Column.float64({ nullable: true }),
  weights: Column.digest(),
  singles: Column.list(Column.float32()),
  counts: Column.list(Column.int32(), { nullable: true }),
  doubles: Column.list(Column.float64()),
  holes: Column.list(Column.float32({ nullable: true })),
  words: Column.list(Column.utf8()),
  messages: Column.list(Column.struct({ role: Column.utf8(), note: Column.utf8({ nullable: true }) })),
  nested: Column.list(Column.list(Column.int32()))
})

describe("Row", () => {
  it("is inferred from the columns", () => {
    expectTypeOf<TableType.Row<typeof Everything>>().toEqualTypeOf<{
      readonly text: string
      readonly maybe_text: string | null
      readonly flag: boolean
      readonly count: number
      readonly single: number
      readonly double: number | null
      readonly weights: string
      readonly singles: Float32Array
      readonly counts: Int32Array | null
      readonly doubles: Float64Array
      readonly holes: ReadonlyArray<number | null>
      readonly words: ReadonlyArray<string>
      readonly messages: ReadonlyArray<{ readonly role: string; readonly note: string | null }>
      readonly nested: ReadonlyArray<Int32Array>
    }>()
    expectTypeOf<TableType.Row<typeof Candidates>["token_entropy"]>().toEqualTypeOf<Float32Array>()
    expectTypeOf<TableType.Row<typeof PreferencePairs>["difficulty"]>().toEqualTypeOf<string | null>()
  })

  it("of a pick has only the picked columns", () => {
    const picked = TableType.pick(Candidates, "prompt_id", "tokens")
    expectTypeOf<TableType.Row<typeof picked>>().toEqualTypeOf<
      { readonly prompt_id: string; readonly tokens: Int32Array }
    >()
    expect(Object.keys(picked.columns)).toEqual(["prompt_id", "tokens"])
    // @ts-expect-error: a column that Candidates does not have
    expect(() => TableType.pick(Candidates, "token_entropies")).toThrow(/no column "token_entropies".*token_entropy/)
  })
})

describe("a table type", () => {
  it("is assignable where fewer columns, or nulls, are asked for, and not otherwise", () => {
    const narrow = TableType.make("Narrow", { text: Column.utf8({ nullable: true }), count: Column.int32() })
    expectTypeOf(Everything).toExtend<typeof narrow>()
    expectTypeOf(narrow).not.toExtend<typeof Everything>()
    const noNulls = TableType.make("NoNulls", { maybe_text: Column.utf8() })
    expectTypeOf(Everything).not.toExtend<typeof noNulls>()
    const integers = TableType.make("Integers", { single: Column.int32() })
    expectTypeOf(Everything).not.toExtend<typeof integers>()

    expect(TableType.missingColumns(Everything, narrow)).toEqual([])
    expect(TableType.missingColumns(Everything, noNulls)).toEqual([
      { column: "maybe_text", expected: "utf8", found: "utf8?" }
    ])
    expect(TableType.missingColumns(Everything, integers)).toEqual([
      { column: "single", expected: "int32", found: "float32" }
    ])
    expect(TableType.missingColumns(narrow, TableType.pick(Everything, "count", "messages"))).toEqual([
      { column: "messages", expected: "list<struct<role: utf8, note: utf8?>>" }
    ])
  })

  it("refuses a column name that JavaScript would reorder", () => {
    expect(() => TableType.make("Bad", { b: Column.utf8(), 1: Column.utf8() })).toThrow(/"1" cannot name a column/)
  })

  it("compares struct fields in order and lists by their items", () => {
    const ab = Column.struct({ a: Column.utf8(), b: Column.utf8() })
    const ba = Column.struct({ b: Column.utf8(), a: Column.utf8() })
    expect(Column.satisfies(ab, ab)).toBe(true)
    expect(Column.satisfies(ab, ba)).toBe(false)
    expect(Column.satisfies(Column.list(Column.int32()), Column.list(Column.int32({ nullable: true })))).toBe(true)
    expect(Column.satisfies(Column.list(Column.int32({ nullable: true })), Column.list(Column.int32()))).toBe(false)
  })
})

describe("rowSchema", () => {
  const good: TableType.Row<typeof Everything> = {
    text: "a",
    maybe_text: null,
    flag: true,
    count: 3,
    single: Number.NaN,
    double: 1,
    weights: "0".repeat(64),
    singles: Float32Array.of(1),
    counts: null,
    doubles: Float64Array.of(),
    holes: [1, null],
    words: ["x"],
    messages: [{ role: "user", note: null }],
    nested: [Int32Array.of(1)]
  }
  const decode = Schema.decodeUnknownEffect(TableType.rowSchema(Everything))

  it.effect("accepts a row of the type", () =>
    Effect.gen(function*() {
      expect(yield* decode(good)).toEqual(good)
    }))

  it.effect.each([
    ["count", 1.5],
    ["count", 2 ** 31],
    ["weights", "xyz"],
    ["singles", [1]],
    ["messages", [{ role: "user" }]],
    ["text", null]
  ])("names the field %s when it holds %j", ([field, value]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(decode({ ...good, [field as string]: value }))
      expect(String(error)).toContain(field)
    }))
})

describe("the table types of the framework", () => {
  const types = Object.values(Tables).filter((entry): entry is typeof entry & TableType.Any =>
    typeof entry === "object" && "columns" in entry
  )

  it("are each exported from a file of its name", () => {
    const files = readdirSync(new URL("../../artifacts/tables", import.meta.url)).map((file) => file.replace(".ts", ""))
    expect(types.map((type) => type.name).toSorted()).toEqual(files.toSorted())
  })

  it("document every column", () => {
    const undocumented = types.flatMap((type) =>
      Object.entries(type.columns).filter(([, { doc }]) => !doc.endsWith(".")).map(([name]) => `${type.name}.${name}`)
    )
    expect(undocumented).toEqual([])
  })
})
