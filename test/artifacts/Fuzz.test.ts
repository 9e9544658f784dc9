/** Whatever a file from outside holds, it is read right or refused by name: no crash, no hang, nothing out of bounds. */
import { describe, expect, it } from "@effect/vitest"
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { digestTable } from "../../artifacts/Digest.ts"
import * as Safetensors from "../../artifacts/Safetensors.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"
import { Everything, fullRow } from "./fixtures/Everything.ts"
import { mutated, Mutations } from "./fixtures/Mutation.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gemflow-fuzz-"))
const rows = Array.from(
  { length: 9 },
  (_, count) => ({ ...fullRow, count, maybe_text: count % 3 === 0 ? null : `t${count}` })
)

describe("a safetensors file with random changes", () => {
  const whole = Effect.runSync(Effect.cached(Effect.gen(function*() {
    const file = path.join(folder, "whole.safetensors")
    yield* Safetensors.write(
      file,
      new Map<string, Safetensors.TensorToWrite>([
        ["weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
        ["bias", { dtype: "F32", shape: [1], data: Float32Array.of(9) }],
        ["empty", { dtype: "F16", shape: [0, 4], data: new Uint16Array(0) }]
      ]),
      { format: "pt" }
    )
    return fs.readFileSync(file)
  })))

  it.effect.prop(
    "is a SafetensorsError, or has tensors within its bounds",
    [Mutations],
    ([mutations]) =>
      Effect.gen(function*() {
        const file = path.join(folder, "mutated.safetensors")
        const bytes = mutated(yield* whole, mutations)
        fs.writeFileSync(file, bytes)
        const read = Effect.gen(function*() {
          const header = yield* Safetensors.readHeader(file)
          for (const [name, { length, offset }] of header.tensors) {
            expect(offset + length).toBeLessThanOrEqual(bytes.length)
            expect((yield* Safetensors.readTensor(header, name)).length).toBe(length)
          }
        })
        const result = yield* Effect.result(read)
        if (result._tag === "Failure") {
          expect(result.failure).toMatchObject({ _tag: "SafetensorsError", message: expect.stringContaining(file) })
        }
      }),
    { arbitrary: { runs: 150 } }
  )
})

describe("Arrow buffers with random changes", () => {
  it.effect.prop(
    "are a TableMismatch, or a table that can be read and digested",
    [Mutations],
    ([mutations]) =>
      Effect.gen(function*() {
        const ours = yield* Table.fromRows(Everything, rows)
        const bytes = Arrow.tableToIPC(ours.arrow, "stream")
        // The headers are parsed; offsets, validity and values are views of the bytes that change now.
        const arrow = Arrow.tableFromIPC(bytes)
        for (const mutation of mutations) {
          const at = Math.floor(mutation.place * bytes.length)
          bytes[at] = mutation.byte
        }
        const result = yield* Effect.result(Table.fromArrow(Everything, arrow))
        if (result._tag === "Failure") {
          expect(result.failure).toMatchObject({
            _tag: "TableMismatch",
            message: expect.stringContaining("Everything")
          })
        } else {
          expect(result.success.rows()).toHaveLength(rows.length)
          expect(digestTable(result.success).digest).toMatch(/^[0-9a-f]{64}$/)
        }
      }),
    { arbitrary: { runs: 150 } }
  )
})

/** A change of one number, somewhere in a value. */
const Change = Schema.Struct({
  place: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.9999 })),
  value: Schema.Literals([0, 1, 7, 8, -8, 64, 1_000, 2 ** 31, 2 ** 40, 2 ** 53 - 1, 0.5])
})

const changeNumber = (value: unknown, change: typeof Change.Type): unknown => {
  const text = JSON.stringify(value)
  const numbers = [...text.matchAll(/(?<=[[,:])-?\d+(?=[\],}])/g)]
  const chosen = numbers[Math.floor(change.place * numbers.length)]
  if (chosen === undefined) return value
  return JSON.parse(`${text.slice(0, chosen.index)}${change.value}${text.slice(chosen.index + chosen[0].length)}`)
}

describe("a manifest that lies about its file, under a digest that fits", () => {
  const root = path.join(folder, "store")
  const open = () => Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(root))
  const stored = Effect.runSync(Effect.cached(Effect.gen(function*() {
    const store = yield* open()
    const type = TableType.pick(
      Everything,
      "text",
      "maybe_text",
      "count",
      "words",
      "messages",
      "point",
      "nested",
      "flag"
    )
    const table = yield* Table.fromRows(type, rows)
    const { digest } = yield* store.put(table)
    const object = path.dirname(store.path(digest))
    return {
      type,
      digest,
      object,
      table: table.rows(),
      arrow: fs.readFileSync(path.join(object, "table.arrow")),
      manifest: fs.readFileSync(path.join(object, "manifest.json"), "utf8")
    }
  })))

  it.effect.prop("gives the rows that were stored, or is absent", [Change], ([change]) =>
    Effect.gen(function*() {
      const { arrow, digest, manifest, object, table, type } = yield* stored
      fs.mkdirSync(object, { recursive: true })
      fs.writeFileSync(path.join(object, "table.arrow"), arrow)
      const content = JSON.parse(manifest)
      const layout = JSON.stringify(changeNumber(JSON.parse(content.file.layout), change))
      const file = { ...content.file, layout, layoutDigest: createHash("sha256").update(layout).digest("hex") }
      fs.writeFileSync(path.join(object, "manifest.json"), JSON.stringify({ ...content, file }))
      const result = yield* Effect.result((yield* open()).get(type, digest))
      if (result._tag === "Failure") expect(result.failure._tag).toBe("ArtifactAbsent")
      else expect(result.success.rows()).toEqual(table)
    }), { arbitrary: { runs: 150 } })
})
