/** Safetensors files: model weights as users have them, read without trust and written as other libraries read them. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fs from "node:fs/promises"
import { SafetensorsError } from "./SafetensorsError.ts"
import { largestHeader, lengthBytes, parseHeader, type SafetensorsHeader, tensorBytes } from "./SafetensorsHeader.ts"
import { layoutOf, sizeProblem, type TensorShape } from "./SafetensorsLayout.ts"

export { SafetensorsError } from "./SafetensorsError.ts"
export type { SafetensorsDtype, SafetensorsHeader, SafetensorsTensor } from "./SafetensorsHeader.ts"
export { layoutOf, type TensorShape } from "./SafetensorsLayout.ts"

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
  const { length, offset } = yield* tensorOf(header, name)
  const bytes = yield* withFile(path, (handle) => attempt(path, () => readAt(handle, offset, length)))
  if (bytes.length < length) return yield* becameShorter(path, name)
  return new Uint8Array(bytes.buffer, 0, length)
})

const becameShorter = (path: string, tensor: string) =>
  new SafetensorsError({ path, tensor, problem: "the file became shorter while it was read", remedy: saveAgain })

const tensorOf = Effect.fnUntraced(function*({ path, tensors }: SafetensorsHeader, name: string) {
  const tensor = tensors.get(name)
  if (tensor !== undefined) return tensor
  const names = [...tensors.keys()]
  const has = `it has ${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`
  const remedy = "Check that the file belongs to the model."
  return yield* new SafetensorsError({ path, tensor: name, problem: `the file has no such tensor; ${has}`, remedy })
})

/**
 * Reads a tensor in pieces of at most `pieceBytes`, in order, and hands each to `use`. A piece is overwritten by the next.
 */
export const readPieces = Effect.fn("Safetensors.readPieces")(function*<E, R>(
  header: SafetensorsHeader,
  name: string,
  pieceBytes: number,
  use: (piece: Uint8Array<ArrayBuffer>) => Effect.Effect<void, E, R>
) {
  const { path } = header
  const { length, offset } = yield* tensorOf(header, name)
  const buffer = Buffer.from(new ArrayBuffer(Math.min(pieceBytes, length)))
  yield* withFile(path, (handle) =>
    Effect.gen(function*() {
      for (let start = 0; start < length; start += buffer.length) {
        const wanted = Math.min(buffer.length, length - start)
        const read = yield* attempt(path, () => readInto(handle, buffer, offset + start, wanted))
        if (read < wanted) return yield* becameShorter(path, name)
        yield* use(new Uint8Array(buffer.buffer, 0, read))
      }
    }))
})

/** A tensor to be written: its elements' bytes, little-endian, row-major. */
export interface TensorToWrite extends TensorShape {
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
  for (const [name, { data, dtype, shape }] of tensors) {
    const expected = tensorBytes(dtype, shape)
    if (expected === data.byteLength) continue
    return yield* unwritable(path, sizeProblem({ dtype, shape }, expected, data.byteLength), name)
  }
  yield* writePieces(path, tensors, (name, put) => {
    const data = tensors.get(name)?.data ?? new Uint8Array()
    return put(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }, metadata)
})

/**
 * Writes a file whose tensors come one after the other, in pieces: never is more than a piece in memory. The file is
 * flushed to the disk before this returns, and laid out as `write` and `layoutOf` do.
 *
 * @param give hands the bytes of a tensor to `put`, from first to last.
 */
export const writePieces = Effect.fn("Safetensors.writePieces")(function*<E, R>(
  path: string,
  tensors: ReadonlyMap<string, TensorShape>,
  give: (
    name: string,
    put: (piece: Uint8Array) => Effect.Effect<void, SafetensorsError>
  ) => Effect.Effect<void, E, R>,
  metadata: Readonly<Record<string, string>> = {}
) {
  const layout = layoutOf(tensors, metadata)
  if (Result.isFailure(layout)) return yield* unwritable(path, layout.failure.problem, layout.failure.tensor)
  const { header, tensors: places } = layout.success
  yield* withFile(path, (handle) =>
    Effect.gen(function*() {
      yield* attempt(path, () => handle.writeFile(header))
      for (const [name, { length, ...shape }] of places) {
        let written = 0
        yield* give(name, (piece) => {
          written += piece.byteLength
          return attempt(path, () => handle.writeFile(piece))
        })
        if (written === length) continue
        const problem = sizeProblem(shape, length, written)
        return yield* new SafetensorsError({
          path,
          tensor: name,
          problem,
          remedy: "Delete the file and write it again."
        })
      }
      yield* attempt(path, () => handle.sync())
    }), "w")
})

const unwritable = (path: string, problem: string, tensor: string | undefined) =>
  new SafetensorsError({ path, problem, remedy: "Nothing was written.", ...(tensor !== undefined && { tensor }) })

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

const withFile = <A, E, R>(
  path: string,
  use: (handle: fs.FileHandle) => Effect.Effect<A, E, R>,
  flags = "r"
): Effect.Effect<A, E | SafetensorsError, R> =>
  Effect.acquireUseRelease(
    attempt(path, () => fs.open(path, flags)),
    use,
    (handle) => attempt(path, () => handle.close())
  )

/** Bytes of a file in a buffer of their own; fewer than asked for where the file ends. */
const readAt = async (handle: fs.FileHandle, position: number, length: number): Promise<Buffer<ArrayBuffer>> => {
  const buffer = Buffer.from(new ArrayBuffer(length))
  return buffer.subarray(0, await readInto(handle, buffer, position, length))
}

/** How many bytes were read: fewer than asked for where the file ends. */
const readInto = async (handle: fs.FileHandle, buffer: Buffer, position: number, length: number): Promise<number> => {
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, Math.min(length - done, 2 ** 30), position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}
