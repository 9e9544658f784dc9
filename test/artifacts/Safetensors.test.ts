import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { jsonDuplicateKey } from "../../artifacts/JsonDuplicateKey.ts"
import * as Safetensors from "../../artifacts/Safetensors.ts"

const inFolder = <A, E>(test: (folder: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "gemflow-safetensors-"))),
    test,
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
  )

/** A file with any header text and data. `declared` is the header length it claims. */
const file = (folder: string, header: string | Uint8Array, dataBytes: number, declared?: bigint) => {
  const json = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(declared ?? BigInt(json.length))
  const target = path.join(folder, "model.safetensors")
  fs.writeFileSync(target, Buffer.concat([length, json, Buffer.alloc(dataBytes, 7)]))
  return target
}

const tensors = new Map<string, Safetensors.TensorToWrite>([
  ["flags", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ["weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ["scalar", { dtype: "I64", shape: [], data: BigInt64Array.of(-5n) }],
  ["empty", { dtype: "F16", shape: [0, 4], data: new Uint16Array(0) }],
  ["bias", { dtype: "F32", shape: [1], data: Float32Array.of(0, 9, 0).subarray(1, 2) }]
])

describe("write and read", () => {
  it.effect("give back tensors and metadata, aligned", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        yield* Safetensors.write(target, tensors, { format: "pt" })
        const header = yield* Safetensors.readHeader(target)
        expect(header.metadata).toEqual({ format: "pt" })
        // Large elements first, then names, as the format's own writer lays them out.
        expect([...header.tensors.keys()]).toEqual(["scalar", "bias", "weight", "empty", "flags"])
        for (const [name, { data, dtype, shape }] of tensors) {
          const stored = header.tensors.get(name)
          expect(stored).toMatchObject({ dtype, shape, length: data.byteLength })
          expect(yield* Safetensors.readTensor(header, name))
            .toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
        }
        const weight = yield* Safetensors.readTensor(header, "weight")
        expect([...new Float32Array(weight.buffer, 0, 6)]).toEqual([1, 2, 3, 4, 5, 6])
        expect(header.tensors.get("scalar")?.offset).toSatisfy((offset: number) => offset % 8 === 0)
      })
    ))

  it.effect("make the same file of the same tensors in any order", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const [a, b] = [path.join(folder, "a"), path.join(folder, "b")]
        yield* Safetensors.write(a, tensors)
        yield* Safetensors.write(b, new Map([...tensors].toReversed()))
        expect(fs.readFileSync(a).equals(fs.readFileSync(b))).toBe(true)
      })
    ))

  it.effect("make, byte for byte, the file that the format's own writer makes", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        // safetensors.torch.save_file of the same tensors, with metadata={"format": "pt"}.
        const reference = Buffer.from(
          "yAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJhIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOltdLCJkYXRh"
            + "X29mZnNldHMiOlswLDhdfSwiYiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzgsMTZdfSwiYyI6"
            + "eyJkdHlwZSI6IkJPT0wiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlsxNiwxOV19fSAgICAgIAMAAAAAAAAAAACAPwAAAEAB"
            + "AAE=",
          "base64"
        )
        const target = path.join(folder, "model.safetensors")
        const same = new Map<string, Safetensors.TensorToWrite>([
          ["c", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
          ["b", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }],
          ["a", { dtype: "I64", shape: [], data: BigInt64Array.of(3n) }]
        ])
        yield* Safetensors.write(target, same, { format: "pt" })
        expect(fs.readFileSync(target).equals(reference)).toBe(true)
      })
    ))

  it.effect("take a file without tensors", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "empty")
        yield* Safetensors.write(target, new Map())
        expect((yield* Safetensors.readHeader(target)).tensors.size).toBe(0)
      })
    ))

  it.effect("refuse data that is not of the shape, before writing", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        const wrong = new Map([["weight", { dtype: "F32" as const, shape: [2, 3], data: new Float32Array(5) }]])
        const error = yield* Effect.flip(Safetensors.write(target, wrong))
        expect(error.message).toContain("tensor weight: its shape [2, 3] of F32 needs 24 bytes, not 20")
        expect(fs.existsSync(target)).toBe(false)
      })
    ))

  it.effect("say which tensors there are when asked for another", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        yield* Safetensors.write(target, tensors)
        const header = yield* Safetensors.readHeader(target)
        const error = yield* Effect.flip(Safetensors.readTensor(header, "lm_head.weight"))
        expect(error).toMatchObject({ tensor: "lm_head.weight" })
        expect(error.message).toContain("no such tensor; it has scalar, bias")
      })
    ))
})

describe("readHeader refuses", () => {
  const tensor = (begin: number, end: number, shape: ReadonlyArray<number> = [end - begin]) => ({
    dtype: "U8",
    shape,
    data_offsets: [begin, end]
  })
  const json = (value: unknown) => JSON.stringify(value)

  const cases: ReadonlyArray<readonly [string, (folder: string) => string, RegExp]> = [
    ["a missing file", (folder) => path.join(folder, "nothing"), /ENOENT.*Check the path/],
    ["an empty file", (folder) => {
      const target = path.join(folder, "empty")
      fs.writeFileSync(target, "")
      return target
    }, /0 bytes, too few/],
    [
      "a huge header",
      (folder) => file(folder, "{}", 0, 2n ** 63n),
      /declares a header of 9223372036854775808 bytes, more than/
    ],
    [
      "a header just above the limit",
      (folder) => file(folder, "{}", 0, 100_000_001n),
      /more than the format's 100000000/
    ],
    [
      "a header longer than the file",
      (folder) => file(folder, "{}", 0, 500n),
      /header of 500 bytes but has only 10: it is cut short/
    ],
    [
      "a file cut in its data",
      (folder) => file(folder, json({ w: tensor(0, 40) }), 30),
      /tensor w: its bytes end 10 bytes beyond.*cut short/
    ],
    [
      "bytes behind the last tensor",
      (folder) => file(folder, json({ w: tensor(0, 4) }), 9),
      /last 5 bytes belong to no tensor/
    ],
    [
      "a gap",
      (folder) => file(folder, json({ a: tensor(0, 4), b: tensor(6, 8) }), 8),
      /tensor b: 2 bytes between it and a/
    ],
    [
      "a gap before the first",
      (folder) => file(folder, json({ a: tensor(2, 4) }), 4),
      /2 bytes between it and the header/
    ],
    [
      "overlapping tensors",
      (folder) => file(folder, json({ a: tensor(0, 6), b: tensor(4, 8) }), 8),
      /tensor b: its bytes overlap those of a/
    ],
    [
      "a tensor twice in the same bytes",
      (folder) => file(folder, json({ a: tensor(0, 8), b: tensor(0, 8) }), 8),
      /overlap/
    ],
    [
      "offsets that run backwards",
      (folder) => file(folder, json({ a: tensor(4, 0, [4]) }), 4),
      /tensor a: its shape \[4\]/
    ],
    [
      "negative offsets",
      (folder) => file(folder, json({ a: tensor(-4, 0) }), 4),
      /tensor a: Expected a value between 0 and .*data_offsets/
    ],
    [
      "fractional offsets",
      (folder) => file(folder, json({ a: tensor(0, 1.5, [1]) }), 2),
      /tensor a: Expected an integer.*data_offsets/
    ],
    [
      "a shape that does not fill its bytes",
      (folder) => file(folder, json({ a: tensor(0, 4, [2, 3]) }), 4),
      /needs 6 bytes.*hold 4/
    ],
    [
      "a shape whose size overflows",
      (folder) => file(folder, json({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }), 4),
      /too many bytes/
    ],
    ["an unknown type", (folder) => file(folder, json({ a: { ...tensor(0, 4), dtype: "F37" } }), 4), /tensor a: .*F32/],
    ["a tensor that is no object", (folder) => file(folder, json({ a: 5 }), 0), /tensor a: /],
    ["metadata that is not text", (folder) => file(folder, json({ __metadata__: { a: 1 } }), 0), /__metadata__/],
    [
      "a name twice",
      (folder) => file(folder, `{"a":${json(tensor(0, 4))},"\\u0061":${json(tensor(0, 4))}}`, 4),
      /names a twice/
    ],
    [
      "a field twice",
      (folder) => file(folder, `{"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}`, 4),
      /names dtype twice/
    ],
    ["JSON that ends early", (folder) => file(folder, `{"a":`, 0), /not JSON/],
    ["an array", (folder) => file(folder, "[]", 0), /no object/],
    ["null", (folder) => file(folder, "null", 0), /no object/],
    [
      "bytes that are not UTF-8",
      (folder) => file(folder, Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0),
      /not JSON/
    ],
    ["a folder", (folder) => folder, /EISDIR|illegal operation/]
  ]
  it.effect.each(cases)("%s", ([, make, message]) =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Safetensors.readHeader(make(folder)))
        expect(error._tag).toBe("SafetensorsError")
        expect(error.message).toMatch(message)
        expect(error.message).toContain(folder)
      })
    ))

  it.effect("nothing of a name that JavaScript treats specially", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = file(folder, `{"__proto__":${json(tensor(0, 4))},"constructor":${json(tensor(4, 8))}}`, 8)
        const header = yield* Safetensors.readHeader(target)
        expect([...header.tensors.keys()]).toEqual(["__proto__", "constructor"])
      })
    ))

  it.effect("any file cut at any byte", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        yield* Safetensors.write(target, tensors, { format: "pt" })
        const bytes = fs.readFileSync(target)
        for (let length = 0; length < bytes.length; length += 7) {
          fs.writeFileSync(target, bytes.subarray(0, length))
          expect((yield* Effect.flip(Safetensors.readHeader(target)))._tag).toBe("SafetensorsError")
        }
      })
    ))
})

describe("jsonDuplicateKey", () => {
  it.each([
    [`{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}`, undefined],
    [`{"a":"{\\"b\\":1,\\"b\\":2}","b":"]}"}`, undefined],
    [`{"a":["b","b"],"b":1}`, undefined],
    [`{"b":1,"a":[{"x":1, "x" : 2}]}`, "x"],
    [`{"":1,"":2}`, ""],
    [`{"a\\\\":1,"a":2,"a\\\\":3}`, "a\\"]
  ])("of %s is %j", (text, expected) => {
    expect(jsonDuplicateKey(text)).toBe(expected)
  })
})

describe("pieces", () => {
  it.effect("make the file that whole tensors make, where the layout says, and come back in order", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        const tensors = new Map(
          [
            ["wide", { dtype: "F32", shape: [5, 7], data: Float32Array.from({ length: 35 }, (_, index) => index / 3) }],
            ["half", { dtype: "BF16", shape: [3], data: Uint16Array.of(1, 2, 3) }],
            ["none", { dtype: "F32", shape: [0, 4], data: new Float32Array(0) }]
          ] as const
        )
        const bytesOf = (name: string) => {
          const data = [...tensors].find(([key]) => key === name)?.[1].data ?? new Uint8Array()
          return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        }
        const [whole, pieces] = [`${target}.whole`, `${target}.pieces`]
        yield* Safetensors.write(whole, tensors, { format: "pt" })
        yield* Safetensors.writePieces(pieces, tensors, (name, put) =>
          Effect.gen(function*() {
            const bytes = bytesOf(name)
            for (let start = 0; start < bytes.length; start += 16) yield* put(bytes.subarray(start, start + 16))
          }), { format: "pt" })
        expect(fs.readFileSync(pieces).equals(fs.readFileSync(whole))).toBe(true)

        const header = yield* Safetensors.readHeader(pieces)
        const layout = Result.getOrThrow(Safetensors.layoutOf(tensors, { format: "pt" }))
        expect([...layout.tensors].toSorted()).toEqual([...header.tensors].toSorted())
        const read: Array<Uint8Array> = []
        yield* Safetensors.readPieces(header, "wide", 32, (piece) => Effect.sync(() => read.push(piece.slice())))
        expect(read.map(({ length }) => length)).toEqual([32, 32, 32, 32, 12])
        expect(Buffer.concat(read).equals(bytesOf("wide"))).toBe(true)
      })
    ))

  it.effect("that are too few, or of a file cut short meanwhile, are told", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const target = path.join(folder, "model.safetensors")
        const tensors = new Map([["weight", { dtype: "F32", shape: [4], data: new Float32Array(4) }]] as const)
        const few = Safetensors.writePieces(target, tensors, (_, put) => put(new Uint8Array(12)))
        expect((yield* Effect.flip(few)).message).toContain(
          "tensor weight: its shape [4] of F32 needs 16 bytes, not 12. Delete the file"
        )
        yield* Safetensors.write(target, tensors)
        const header = yield* Safetensors.readHeader(target)
        fs.truncateSync(target, fs.statSync(target).size - 1)
        const short = Safetensors.readPieces(header, "weight", 8, () => Effect.void)
        expect((yield* Effect.flip(short)).message).toContain("the file became shorter while it was read")
      })
    ))
})
