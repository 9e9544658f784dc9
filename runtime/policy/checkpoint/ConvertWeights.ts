/**
 * Weights in the type that a program computes in, where they are stored in another: converted once and kept.
 *
 * Where an artifact store is at hand they are kept in it, as a directory with one model.safetensors, found again by what
 * they were made of: the digest of a checkpoint that is itself in the store; else, as make does, by the place, inode,
 * size and times of each file of weights and the SHA-256 of its header. Without a store they lie in a temporary folder
 * that goes with the scope.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { createHash } from "node:crypto"
import { mkdtemp, open, realpath, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import type { Json } from "../../../artifacts/CanonicalJson.ts"
import { derivedDirectory } from "../../../artifacts/DerivedDirectory.ts"
import { layoutOf, readPieces, type TensorShape, writePieces } from "../../../artifacts/Safetensors.ts"
import { directoryPath } from "../../../artifacts/StoreFiles.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { attempt } from "./CheckpointFile.ts"
import type { ModelWeights } from "./ModelWeights.ts"
import { WEIGHTS_FILE } from "./ShardIndex.ts"
import { convertWeights, storedAs, storedTypes, type WeightType } from "./WeightType.ts"

/** Bytes in memory at once, and again as much for what is made of them. */
const PIECE = 2 ** 24

/** The folder of the converted weights: converts them when they are not there yet. */
export const convertedFolder = (weights: ModelWeights, to: WeightType) =>
  madeFolder(
    weights,
    { made: "weights/1", type: to },
    (folder) => writeConverted(weights, to, join(folder, WEIGHTS_FILE))
  )

/**
 * A folder made of a model's weights.
 *
 * @param made what is made of them, and all that its content depends on beside them.
 */
export const madeFolder = Effect.fn("Checkpoint.convert")(function*<E>(
  weights: ModelWeights,
  made: { readonly made: string; readonly [setting: string]: Json },
  write: (folder: string) => Effect.Effect<void, E>
) {
  const store = yield* Effect.serviceOption(ArtifactStore)
  if (Option.isSome(store)) {
    const { root } = store.value
    const source = yield* attempt(weights.directory, () => identity(root, weights))
    return yield* derivedDirectory(root, { ...made, source }, write)
  }
  const folder = yield* Effect.acquireRelease(
    attempt(tmpdir(), () => mkdtemp(join(tmpdir(), "gemflow-weights-"))),
    (folder) => attempt(folder, () => rm(folder, { recursive: true, force: true })).pipe(Effect.ignore)
  )
  yield* write(folder)
  return folder
})

/** Where each tensor lies in the converted file: known before it is written. */
export const convertedLayout = (weights: ModelWeights, to: WeightType) =>
  Result.getOrThrow(layoutOf(shapesIn(weights, to))).tensors

const shapesIn = ({ tensors }: ModelWeights, to: WeightType): ReadonlyMap<string, TensorShape> =>
  new Map([...tensors].map(([name, { shape }]) => [name, { dtype: storedAs[to], shape }]))

/** Tensor by tensor, piece by piece: a checkpoint of any size in little memory. */
const writeConverted = (weights: ModelWeights, to: WeightType, path: string) =>
  writePieces(path, shapesIn(weights, to), (name, put) =>
    Effect.gen(function*() {
      const tensor = weights.tensors.get(name)
      const header = weights.files.get(tensor?.file ?? "")
      if (tensor === undefined || header === undefined) return
      const use = Effect.fnUntraced(function*(piece: Uint8Array<ArrayBuffer>) {
        const converted = convertWeights(storedTypes[tensor.dtype], to, piece)
        if (Result.isFailure(converted)) return yield* tooLarge(header.path, name, converted.failure, to)
        yield* put(converted.success)
      })
      yield* readPieces(header, name, PIECE, use)
    }))

const tooLarge = (path: string, place: string, value: number, to: WeightType) =>
  new CheckpointError({
    path,
    place,
    problem: `holds ${value}, more than ${to} can`,
    remedy: "Compute in the precision bfloat16 or float32."
  })

/** What the weights are, without reading them. */
const identity = async (root: string, { directory, files }: ModelWeights): Promise<Json> => {
  const digest = basename(resolve(directory))
  if (resolve(directory) === resolve(directoryPath(root, digest))) return { checkpoint: digest }
  return Promise.all(
    [...files].toSorted(([a], [b]) => a < b ? -1 : 1).map(async ([file, { path, tensors }]) => {
      const { ctimeNs, ino, mtimeNs, size } = await stat(path, { bigint: true })
      const start = [...tensors.values()].reduce((least, { offset }) => Math.min(least, offset), Number(size))
      const times = { changed: `${ctimeNs}`, modified: `${mtimeNs}` }
      return {
        file,
        path: await realpath(path),
        inode: `${ino}`,
        size: `${size}`,
        ...times,
        header: await sha256(path, start)
      }
    })
  )
}

/** Of the first bytes of a file. */
const sha256 = async (path: string, length: number): Promise<string> => {
  const handle = await open(path, "r")
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
    return createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex")
  } finally {
    await handle.close()
  }
}
