/** The weights of exported programs in one file that all of them read. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import type { Graph, Parameter } from "../../onnx/Graph.ts"
import { rawBytes } from "../../onnx/TensorData.ts"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"

/** Smaller constants stay in the program. */
const LEAST = 1024

/** Tensors begin at pages, so that a reader can map them. */
const PAGE = 4096

const PIECE = 2 ** 24

interface Place {
  readonly source: Parameter["source"]
  readonly offset: number
  readonly length: number
}

/**
 * Writes what the programs' parameters hold to a file and makes the programs refer to it. What several programs share is
 * written once.
 *
 * @param weights the folder that the parameters' locations are relative to.
 * @param file its path in the folder of the exported programs.
 */
export const writeData = Effect.fnUntraced(function*(options: {
  readonly programs: ReadonlyArray<Graph>
  readonly weights: string
  readonly folder: string
  readonly file: string
}) {
  const { file, folder, programs, weights } = options
  const places = new Map<string, Place>()
  let end = 0
  for (const program of programs) {
    program.parameters.forEach((parameter, index) => {
      const { source, tensor } = parameter
      const length = "data" in source ? source.data.byteLength : source.length
      if ("data" in source && length < LEAST) return
      const key = keyOf(source)
      const place = places.get(key) ?? { source, offset: Math.ceil(end / PAGE) * PAGE, length }
      places.set(key, place)
      end = Math.max(end, place.offset + length)
      program.parameters[index] = { tensor, source: { location: file, offset: place.offset, length } }
    })
  }
  yield* Effect.tryPromise({
    try: () => writePlaces([...places.values()], weights, join(folder, file)),
    catch: (cause) =>
      new CheckpointError({
        path: join(folder, file),
        place: "",
        problem: `cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: "Check that the weights are still where they were, and that the disk has room for a copy of them."
      })
  })
})

const keyOf = (source: Parameter["source"]): string =>
  "data" in source
    ? createHash("sha256").update(rawBytes(source)).digest("hex")
    : `${source.location}:${source.offset}:${source.length}`

const writePlaces = async (places: ReadonlyArray<Place>, weights: string, path: string): Promise<void> => {
  const files = new Map<string, FileHandle>()
  const target = await open(path, "wx")
  try {
    for (const { length, offset, source } of places) {
      if ("data" in source) {
        await target.write(rawBytes(source), 0, length, offset)
        continue
      }
      const from = files.get(source.location) ?? await open(join(weights, source.location), "r")
      files.set(source.location, from)
      await copyRange(from, source.offset, target, offset, length)
    }
    await target.sync()
  } finally {
    await target.close()
    for (const handle of files.values()) await handle.close()
  }
}

const copyRange = async (from: FileHandle, start: number, to: FileHandle, offset: number, length: number) => {
  const piece = Buffer.allocUnsafe(Math.min(PIECE, length))
  for (let done = 0; done < length;) {
    const { bytesRead } = await from.read(piece, 0, Math.min(piece.length, length - done), start + done)
    if (bytesRead === 0) throw new Error("a file of weights became shorter while it was read")
    await to.write(piece, 0, bytesRead, offset + done)
    done += bytesRead
  }
}
