/** Whatever happens to a stored file, what is read afterwards is what was stored, or is reported as absent. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import { Everything, fullRow } from "./fixtures/Everything.ts"

/** A change of a file: what, and where in it, as a fraction of its length. */
const Change = Schema.Struct({
  kind: Schema.Literals(["flip", "cut", "append", "zero", "repeat"]),
  place: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.999 })),
  bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
})

const changed = (bytes: Buffer, { bit, kind, place }: typeof Change.Type): Buffer => {
  const at = Math.floor(place * bytes.length)
  const copy = Buffer.from(bytes)
  switch (kind) {
    case "flip":
      copy[at] = (copy[at] ?? 0) ^ (1 << bit)
      return copy
    case "cut":
      return copy.subarray(0, at)
    case "append":
      return Buffer.concat([copy, Buffer.of(bit)])
    case "zero":
      return copy.fill(0, at, Math.min(at + 16, copy.length))
    case "repeat":
      copy.copyWithin(at, 0, 16)
      return copy
  }
}

/** A store with one table and one directory, kept for all cases; each case damages a copy of one file. */
const root = fs.mkdtempSync(path.join(os.tmpdir(), "gemflow-damage-"))
const open = () => Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(root))
const stored = Effect.runSync(Effect.cached(Effect.gen(function*() {
  const store = yield* open()
  const source = path.join(root, "source")
  fs.mkdirSync(path.join(source, "deep"), { recursive: true })
  fs.writeFileSync(path.join(source, "config.json"), "{\"layers\":2}")
  fs.writeFileSync(path.join(source, "deep", "weights.bin"), Buffer.alloc(1000, 7))
  const directory = yield* store.putDirectory(source)
  const rows = Array.from({ length: 5 }, (_, count) => ({ ...fullRow, count, weights: directory }))
  const table = yield* Table.fromRows(Everything, rows)
  const { digest } = yield* store.put(table)
  const folder = path.dirname(store.path(digest))
  const files = fs.readdirSync(folder).map((name) => ({ name, bytes: fs.readFileSync(path.join(folder, name)) }))
  return { rows, digest, directory, folder, files }
})))

describe("a change of a stored file", () => {
  it.effect.prop(
    "of a table is read as what was stored or as absent, and verify sees it",
    [Change, Schema.Literals(["table.arrow", "manifest.json"])],
    ([change, name]) =>
      Effect.gen(function*() {
        const { digest, folder, rows } = yield* stored
        const file = path.join(folder, name)
        yield* restored
        const whole = fs.readFileSync(file)
        const bytes = changed(whole, change)
        const same = bytes.equals(whole)
        const damage = Effect.gen(function*() {
          yield* restored
          fs.writeFileSync(file, bytes)
          return yield* open()
        })
        const columns = Object.keys(Everything.columns)
        const some = TableType.pick(Everything, "words", "count")
        const readings: ReadonlyArray<
          (store: ArtifactStore["Service"]) => Effect.Effect<void, { readonly _tag: string }>
        > = [
          (store) => Effect.map(store.get(Everything, digest), (table) => expect(table.rows()).toEqual(rows)),
          (store) =>
            Effect.map(
              store.get(some, digest),
              (table) => expect(table.rows()).toEqual(rows.map(({ count, words }) => ({ words, count })))
            ),
          (store) => Effect.map(store.open(digest), (table) => expect(Object.keys(table.type.columns)).toEqual(columns))
        ]
        for (const reading of readings) {
          const result = yield* Effect.result(reading(yield* damage))
          if (result._tag === "Failure") expect([result.failure._tag, same]).toEqual(["ArtifactAbsent", false])
        }
        const found = yield* (yield* damage).verify(digest)
        if (found !== same) expect({ change, name, found }).toEqual({ change, name, found: same })
        yield* restored
      }),
    { arbitrary: { runs: 45 }, timeout: 20_000 }
  )

  it.effect.prop(
    "in a directory makes it and the tables that refer to it absent once verified",
    [Change, Schema.Literals(["config.json", "deep/weights.bin"])],
    ([change, name]) =>
      Effect.gen(function*() {
        const { digest, directory } = yield* stored
        const store = yield* open()
        const place = path.join(root, "directories", directory.slice(0, 2), directory)
        const file = path.join(place, name)
        const whole = fs.readFileSync(file)
        const bytes = changed(whole, change)
        const same = bytes.equals(whole)
        fs.writeFileSync(file, bytes)
        // A change of size is seen at a look.
        if (bytes.length !== whole.length) expect(yield* store.has(digest)).toBe(false)
        expect(yield* store.verify(directory)).toBe(same)
        expect(yield* store.has(digest)).toBe(same)
        if (!same) {
          fs.writeFileSync(path.join(root, "source", name), whole)
          expect(yield* store.putDirectory(path.join(root, "source"))).toBe(directory)
        }
        expect(yield* store.verify(directory)).toBe(true)
      }),
    { arbitrary: { runs: 40 }, timeout: 20_000 }
  )
})

/** The table in its place again, wherever the damage made it go. */
const restored = Effect.map(stored, ({ files, folder }) => {
  fs.mkdirSync(folder, { recursive: true })
  for (const { bytes, name } of files) fs.writeFileSync(path.join(folder, name), bytes)
})
