/**
 * The file of a quantised model: a safetensors file in which a linear layer's matrix is one tensor of bytes - its numbers,
 * its scales and its zero points, as MatMulNBits reads them - and every other weight is stored as programs compute in it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import {
  layoutOf,
  readPieces,
  type SafetensorsError,
  type TensorShape,
  writePieces
} from "../../../artifacts/Safetensors.ts"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import type { ModelWeight, ModelWeights } from "../checkpoint/ModelWeights.ts"
import { bytesOf, convertWeights, storedAs, storedTypes, type WeightType } from "../checkpoint/WeightType.ts"
import { type Quantisation, quantisedShapes, quantiseRows } from "./QuantiseWeights.ts"

/** Bytes in memory at once, and again as much for what is made of them. */
const PIECE = 2 ** 24

/** Matrices begin and end at multiples of this. */
const ALIGNMENT = 64

/** Offset and length of a part of a quantised matrix, in bytes. */
export interface Part {
  readonly offset: number
  readonly length: number
  readonly dims: ReadonlyArray<number>
}

/** Where the parts of a matrix [rows, columns] lie in its tensor; zero points where quantisation is not symmetric. */
export const partsOf = (quantisation: Quantisation, rows: number, columns: number) => {
  const shapes = quantisedShapes(quantisation, rows, columns)
  const size = (dims: ReadonlyArray<number>, bytes: number) => dims.reduce((product, dim) => product * dim, bytes)
  const packed: Part = { offset: 0, length: size(shapes.packed, 1), dims: shapes.packed }
  const scales: Part = {
    offset: aligned(packed.length),
    length: size(shapes.scales, bytesOf[quantisation.scales]),
    dims: shapes.scales
  }
  const end = aligned(scales.offset + scales.length)
  const zeroPoints: Part = { offset: end, length: size(shapes.zeroPoints, 1), dims: shapes.zeroPoints }
  return quantisation.symmetric
    ? { packed, scales, zeroPoints: undefined, length: end }
    : { packed, scales, zeroPoints, length: aligned(end + zeroPoints.length) }
}

const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT

/** Where each tensor lies in the file. */
export const quantisedLayout = (weights: ModelWeights, quantisation: Quantisation) =>
  Result.getOrThrow(layoutOf(tensorsOf(weights, quantisation))).tensors

const tensorsOf = ({ tensors }: ModelWeights, quantisation: Quantisation): ReadonlyMap<string, TensorShape> =>
  new Map([...tensors].map(([name, { shape }]): [string, TensorShape] => {
    const [rows = 0, columns = 0] = shape
    return isLinear(name)
      ? [name, { dtype: "U8", shape: [partsOf(quantisation, rows, columns).length] }]
      : [name, { dtype: storedAs[quantisation.scales], shape }]
  }))

/** The matrices that are quantised: those of the blocks. Embeddings, norms, biases and head stay as they are. */
export const isLinear = (name: string): boolean => name.endsWith("_proj.weight")

/** Writes the file, piece by piece: a model of any size in little memory. */
export const writeQuantised = (weights: ModelWeights, quantisation: Quantisation, path: string) =>
  writePieces(path, tensorsOf(weights, quantisation), (name, put) => {
    const tensor = weights.tensors.get(name)
    if (tensor === undefined) return Effect.void
    return isLinear(name)
      ? writeMatrix(weights, name, tensor, quantisation, put)
      : readAs(weights, name, tensor, quantisation.scales, PIECE, put)
  })

type Put<E> = (piece: Uint8Array<ArrayBuffer>) => Effect.Effect<void, E>

const writeMatrix = Effect.fnUntraced(function*(
  weights: ModelWeights,
  name: string,
  tensor: ModelWeight,
  quantisation: Quantisation,
  put: Put<SafetensorsError>
) {
  const [rows = 0, columns = 0] = tensor.shape
  const parts = partsOf(quantisation, rows, columns)
  // Scales and zero points stand behind the numbers, and are small.
  const scales = new Uint8Array(parts.scales.length)
  const zeroPoints = new Uint8Array(parts.zeroPoints?.length ?? 0)
  let [scaled, zeroed] = [0, 0]
  const rowBytes = bytesOf[storedTypes[tensor.dtype]] * columns
  const wholeRows = Math.max(1, Math.floor(PIECE / rowBytes)) * rowBytes
  yield* readAs(weights, name, tensor, "float32", wholeRows, (piece) =>
    Effect.gen(function*() {
      const numbers = new Float32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4)
      const quantised = quantiseRows(numbers, columns, quantisation)
      if (Result.isFailure(quantised)) {
        return yield* noPlaceFor(quantised.failure, weights.directory, name, quantisation)
      }
      scales.set(quantised.success.scales, scaled)
      scaled += quantised.success.scales.length
      zeroPoints.set(quantised.success.zeroPoints ?? [], zeroed)
      zeroed += quantised.success.zeroPoints?.length ?? 0
      yield* put(quantised.success.packed)
    }))
  yield* put(filled(parts.packed.length))
  yield* put(scales)
  yield* put(filled(parts.scales.length))
  yield* put(zeroPoints)
  yield* put(filled(zeroPoints.length))
})

/** Says that a weight is none that quantisation can round. */
export const noPlaceFor = (value: number, path: string, place: string, { bits }: Quantisation) =>
  new CheckpointError({
    path,
    place,
    problem: `holds ${value}, which has no place among ${2 ** bits} numbers`,
    remedy: "Leave the base weights as they are."
  })

/** What fills up to the next aligned offset. */
const filled = (length: number) => new Uint8Array(aligned(length) - length)

/** Hands a stored weight to `use` in pieces, in another type. */
const readAs = Effect.fnUntraced(function*<E>(
  weights: ModelWeights,
  name: string,
  tensor: ModelWeight,
  to: WeightType,
  pieceBytes: number,
  use: Put<E>
) {
  const header = weights.files.get(tensor.file)
  if (header === undefined) return
  const inPiece = Effect.fnUntraced(function*(piece: Uint8Array<ArrayBuffer>) {
    const converted = convertWeights(storedTypes[tensor.dtype], to, piece)
    if (Result.isSuccess(converted)) return yield* use(converted.success)
    return yield* new CheckpointError({
      path: header.path,
      place: name,
      problem: `holds ${converted.failure}, more than ${to} can`,
      remedy: "Compute in the precision bfloat16 or float32."
    })
  })
  yield* readPieces(header, name, pieceBytes, inPiece)
})
