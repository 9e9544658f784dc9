/** A checkpoint that computes with its linear layers quantised: less memory, for adapters to be trained over. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import { fromBytes, type TensorData, toNumbers } from "../../onnx/TensorData.ts"
import type { Checkpoint } from "../checkpoint/Checkpoint.ts"
import { madeFolder } from "../checkpoint/ConvertWeights.ts"
import { WEIGHTS_FILE } from "../checkpoint/ShardIndex.ts"
import { bytesOf, type WeightType } from "../checkpoint/WeightType.ts"
import { present } from "../Present.ts"
import { dequantiseRows } from "./DequantiseRows.ts"
import { isLinear, noPlaceFor, quantisedLayout, writeQuantised } from "./QuantisedFile.ts"
import { quantisedWeights } from "./QuantisedWeights.ts"
import { type Quantisation, quantiseRows } from "./QuantiseWeights.ts"

/** The types that linear layers can be quantised to. */
export type BaseWeights = "int8" | "int4"

/**
 * Bits and blocks of each type: a block of 32 shares a scale. With zero points int4 halves the error of a block that lies
 * to one side of 0; int8 has numbers to spare.
 */
export const quantisationOf = (weights: BaseWeights, precision: WeightType): Quantisation => ({
  bits: weights === "int4" ? 4 : 8,
  blockSize: 32,
  symmetric: weights === "int8",
  scales: precision
})

/**
 * The checkpoint with its linear layers quantised, embeddings, norms, biases and head as they are. They are quantised once,
 * when a program first reads them, and kept where converted weights are kept. What `read` and `load` give are the
 * quantised layers' own values, in float32: those of the model that programs compute.
 */
export const quantisedCheckpoint = Effect.fnUntraced(function*(checkpoint: Checkpoint, baseWeights: BaseWeights) {
  const { config, precision, weights } = checkpoint
  const quantisation = quantisationOf(baseWeights, precision)
  const scope = yield* Scope.Scope
  const folder = yield* Effect.cached(
    madeFolder(
      weights,
      { made: "quantised/1", type: precision, ...quantisation },
      (folder) => writeQuantised(weights, quantisation, join(folder, WEIGHTS_FILE))
    ).pipe(Scope.provide(scope))
  )
  const places = quantisedLayout(weights, quantisation)
  const source = quantisedWeights(config, quantisation, (name) => {
    const { length, offset } = present(places.get(name), name)
    return { location: WEIGHTS_FILE, offset, length }
  })
  const round = (name: string, weight: TensorData) => {
    if (!isLinear(name)) return Effect.succeed(weight)
    const values = rounded(weight, quantisation)
    return Result.isSuccess(values)
      ? Effect.succeed(values.success)
      : Effect.fail(noPlaceFor(values.failure, checkpoint.directory, name, quantisation))
  }
  const read = (name: string) => Effect.flatMap(checkpoint.read(name), (weight) => round(name, weight))
  const load = Effect.gen(function*() {
    const values = new Map<string, TensorData>()
    for (const [name, weight] of yield* checkpoint.load) values.set(name, yield* round(name, weight))
    return values
  })
  const quantised: Checkpoint = { ...checkpoint, source, folder, read, load, baseWeights }
  return quantised
})

/** The values that a matrix has once it is quantised; or the first weight that cannot be. */
const rounded = (matrix: TensorData, quantisation: Quantisation): Result.Result<TensorData, number> => {
  const [, columns = 0] = matrix.dims
  const { scales: precision } = quantisation
  return Result.map(quantiseRows(Float32Array.from(matrix.data, Number), columns, quantisation), (rows) => {
    const dims = [rows.scales.length / bytesOf[precision]]
    const scales = Float32Array.from(toNumbers(fromBytes(precision, dims, rows.scales)))
    return { ...matrix, data: dequantiseRows(rows, scales, columns, quantisation) }
  })
}
