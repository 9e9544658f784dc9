/** Weights of one safetensors file, as values. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Safetensors from "../../../artifacts/Safetensors.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { convertWeights, isStoredType, storedTypes } from "./WeightType.ts"

export { isStoredType, storedTypes } from "./WeightType.ts"

/** A weight of a file, as float32. */
export const readWeight = Effect.fnUntraced(function*(header: Safetensors.SafetensorsHeader, name: string) {
  const bytes = yield* Safetensors.readTensor(header, name)
  const tensor = header.tensors.get(name)
  if (tensor === undefined || !isStoredType(tensor.dtype)) {
    const problem = `is of type ${tensor?.dtype ?? "none"}`
    const remedy = `Weights may be ${Object.keys(storedTypes).join(", ")}.`
    return yield* new Safetensors.SafetensorsError({ path: header.path, tensor: name, problem, remedy })
  }
  // float32 holds all that the 16-bit types do.
  const { buffer, byteLength } = Result.getOrThrow(convertWeights(storedTypes[tensor.dtype], "float32", bytes))
  const weight: TensorData = { dtype: "float32", dims: tensor.shape, data: new Float32Array(buffer, 0, byteLength / 4) }
  return weight
})

/** The tensors of a file that are weights, as float32. */
export const readWeights = Effect.fnUntraced(function*(header: Safetensors.SafetensorsHeader) {
  const weights = new Map<string, TensorData>()
  for (const [name, { dtype }] of header.tensors) {
    if (isStoredType(dtype)) weights.set(name, yield* readWeight(header, name))
  }
  return weights
})

/** Writes float32 weights; "format: pt" is what transformers asks for. */
export const writeWeights = (path: string, weights: ReadonlyMap<string, TensorData>) =>
  Safetensors.write(
    path,
    new Map([...weights].map(([name, { data, dims }]) => [name, { dtype: "F32", shape: dims, data }])),
    { format: "pt" }
  )
