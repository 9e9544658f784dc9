import * as Effect from "effect/Effect"
import type { TensorData } from "../../onnx/TensorData.ts"
import { SCORE_HEAD } from "../model/Heads.ts"
import { present } from "../Present.ts"
import type { Adapter } from "./Adapter.ts"
import { type AdapterConfig, adapterScale, factorNames } from "./AdapterConfig.ts"

/**
 * The weights of a model, one at a time, with W + scale B A in place of each adapted W, summed up in float32; and
 * the adapter's score head.
 */
export const mergedReader = <E, R>(
  read: (name: string) => Effect.Effect<TensorData, E, R>,
  { config, values }: Pick<Adapter, "config" | "values">
) => {
  const factors = new Map(config.modules.map((module) => [`${module}.weight`, factorNames(module)]))
  return (name: string): Effect.Effect<TensorData, E, R> => {
    if (name === SCORE_HEAD && config.scoreHead === true) return Effect.succeed(present(values.get(name), name))
    return Effect.map(read(name), (matrix) => {
      const names = factors.get(name)
      if (names === undefined) return matrix
      const data = Float32Array.from(matrix.data, Number)
      addProduct(data, config, floats(values, names.b), floats(values, names.a))
      return { dtype: "float32", dims: matrix.dims, data }
    })
  }
}

/** matrix += scale B A, row by row. */
const addProduct = (matrix: Float32Array, config: AdapterConfig, b: Float32Array, a: Float32Array): void => {
  const { rank } = config
  const scale = adapterScale(config)
  const inputs = a.length / rank
  const outputs = b.length / rank
  const sum = new Float64Array(inputs)
  for (let row = 0; row < outputs; row++) {
    sum.fill(0)
    for (let inner = 0; inner < rank; inner++) {
      const factor = b[row * rank + inner] ?? 0
      const start = inner * inputs
      for (let column = 0; column < inputs; column++) {
        sum[column] = (sum[column] ?? 0) + factor * (a[start + column] ?? 0)
      }
    }
    const start = row * inputs
    for (let column = 0; column < inputs; column++) {
      matrix[start + column] = (matrix[start + column] ?? 0) + scale * (sum[column] ?? 0)
    }
  }
}

const floats = (values: Adapter["values"], name: string): Float32Array => {
  const { data } = present(values.get(name), name)
  return data instanceof Float32Array ? data : Float32Array.from(data, Number)
}
