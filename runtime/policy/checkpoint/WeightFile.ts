/** Weights between a checkpoint's safetensors file and programs. */
import * as Effect from "effect/Effect"
import * as Safetensors from "../../../artifacts/Safetensors.ts"
import { fromBytes, type TensorData, tensorData, toNumbers } from "../../onnx/TensorData.ts"

/** Types a weight may be stored in, and their names in programs. */
export const storedTypes = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const
type StoredType = keyof typeof storedTypes

export const isStoredType = (dtype: string): dtype is StoredType => Object.hasOwn(storedTypes, dtype)

/** The tensors of a file that are weights, as float32. */
export const readWeights = Effect.fnUntraced(function*(header: Safetensors.SafetensorsHeader) {
  const weights = new Map<string, TensorData>()
  for (const [name, { dtype, shape }] of header.tensors) {
    if (!isStoredType(dtype)) continue
    const stored = fromBytes(storedTypes[dtype], shape, yield* Safetensors.readTensor(header, name))
    weights.set(name, dtype === "F32" ? stored : tensorData("float32", shape, toNumbers(stored)))
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
