/** Safetensors files: model weights as users have them, read without trust and written as other libraries read them. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fs from "node:fs/promises"
import { SafetensorsError } from "./SafetensorsError.ts"
import {
  dtypeBits,
  largestHeader,
  parseHeader,
  type SafetensorsDtype,
  type SafetensorsHeader,
  tensorBytes
} from "./SafetensorsHeader.ts"

export { SafetensorsError } from "./SafetensorsError.ts"
export type { SafetensorsDtype, SafetensorsHeader, SafetensorsTensor } from "./SafetensorsHeader.ts"

/** The file starts with the header's length, an unsigned integer of 64 bits. */
const lengthBytes = 8

const saveAgain = "Download the file again, or save it again with safetensors."

/** Reads and checks the header of a file. Nothing that it claims is believed before it fits the file. */
export const readHeader = Effect.fn("Safetensors.readHeader")(function*(path: string) {
  const fail = (problem: string, tensor?: string) =>
    new SafetensorsError({ path, problem, remedy: saveAgain, ...(tensor === undefined ? {} : { tensor }) })
  return yield* withFile(path, (handle) =>
    Effect.gen(function*() {
      const { size } = yield* attempt(path, () => handle.stat())
      if (size < lengthBytes) return yield* fail(`it has ${size} bytes, too few for a safetensors file`)
      const declared = (yield* attempt(path, () => readAt(handle, 0, lengthBytes))).readBigUInt64LE(0)
      if (declared > BigInt(largestHeader)) {
        return yield* fail(`it declares a header of ${declared} bytes, more than the format's ${largestHeader}`)
      }
      const dataStart = lengthBytes + Number(declared)
      if (dataStart > size) {
        return yield* fail(
          `it declares a header of ${declared} bytes but has only ${size}: it is cut short, or no such file`
        )
      }
      const json = yield* attempt(path, () => readAt(handle, lengthBytes, Number(declared)))
      const parsed = parseHeader(json, dataStart, size - dataStart)
      if (Result.isFailure(parsed)) return yield* fail(parsed.failure.problem, parsed.failure.tensor)
      return { path, ...parsed.success } satisfies SafetensorsHeader
    }))
})

/** The bytes of one tensor, little-endian, row-major, in a buffer of their own. */
export const readTensor = Effect.fn("Safetensors.readTensor")(function*(header: SafetensorsHeader, name: string) {
  const { path } = header
  const tensor = header.tensors.get(name)
  if (tensor === undefined) {
    const names = [...header.tensors.keys()]
    const has = `it has ${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`
    const remedy = "Check that the file belongs to the model."
    return yield* new SafetensorsError({ path, tensor: name, problem: `the file has no such tensor; ${has}`, remedy })
  }
  const bytes = yield* withFile(path, (handle) => attempt(path, () => readAt(handle, tensor.offset, tensor.length)))
  if (bytes.length < tensor.length) {
    const problem = "the file became shorter while it was read"
    return yield* new SafetensorsError({ path, tensor: name, problem, remedy: saveAgain })
  }
  return new Uint8Array(bytes.buffer, 0, tensor.length)
})

/** A tensor to be written: its elements' bytes, little-endian, row-major. */
export interface TensorToWrite {
  readonly dtype: SafetensorsDtype
  readonly shape: ReadonlyArray<number>
  readonly data: ArrayBufferView
}

/**
 * Writes a file, replacing one that is there. Tensors are laid out by falling element size, then by name, as the
 * format's own writer does: each is aligned, and equal tensors make equal files.
 */
export const write = Effect.fn("Safetensors.write")(function*(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {}
) {
  const ordered = [...tensors].toSorted(([a, { dtype: x }], [b, { dtype: y }]) =>
    dtypeBits[y] - dtypeBits[x] || (a < b ? -1 : a > b ? 1 : 0)
  )
  const entries: Array<readonly [string, unknown]> = []
  if (Object.keys(metadata).length > 0) entries.push(["__metadata__", metadata])
  let end = 0
  for (const [name, { data, dtype, shape }] of ordered) {
    const expected = tensorBytes(dtype, shape)
    if (name === "__metadata__" || expected !== data.byteLength) {
      const problem = name === "__metadata__"
        ? "no tensor can have this name"
        : `its shape [${shape.join(", ")}] of ${dtype} needs ${expected ?? "too many"} bytes, not ${data.byteLength}`
      return yield* new SafetensorsError({ path, tensor: name, problem, remedy: "Nothing was written." })
    }
    entries.push([name, { dtype, shape, data_offsets: [end, end + data.byteLength] }])
    end += data.byteLength
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  // Spaces behind the header align the data to 8 bytes.
  const header = Buffer.alloc(lengthBytes + Math.ceil(json.length / 8) * 8, " ")
  header.writeBigUInt64LE(BigInt(header.length - lengthBytes))
  json.copy(header, lengthBytes)
  yield* withFile(path, (handle) =>
    attempt(path, async () => {
      await handle.writeFile(header)
      for (const [, { data }] of ordered) {
        await handle.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      }
    }), "w")
})

const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, SafetensorsError> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) =>
      new SafetensorsError({
        path,
        problem: cause instanceof Error ? cause.message : String(cause),
        remedy: "Check the path, its permissions and the space on the disk.",
        cause
      })
  })

const withFile = <A, E>(
  path: string,
  use: (handle: fs.FileHandle) => Effect.Effect<A, E>,
  flags = "r"
): Effect.Effect<A, E | SafetensorsError> =>
  Effect.acquireUseRelease(
    attempt(path, () => fs.open(path, flags)),
    use,
    (handle) => attempt(path, () => handle.close())
  )

/** Bytes of a file in a buffer of their own; fewer than asked for where the file ends. */
const readAt = async (handle: fs.FileHandle, position: number, length: number): Promise<Buffer<ArrayBuffer>> => {
  const buffer = Buffer.from(new ArrayBuffer(length))
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, Math.min(length - done, 2 ** 30), position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return buffer.subarray(0, done)
}
