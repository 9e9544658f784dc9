/** The forward pass over quantised linear layers. */
import { type ExternalData, parameter, type Tensor } from "../../onnx/Graph.ts"
import { add } from "../../onnx/ops/Arithmetic.ts"
import { matMulNBits, type QuantisedMatrix } from "../../onnx/ops/Quantised.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { hasBias, modelTensors } from "../model/ModelTensors.ts"
import type { WeightSource } from "../model/Weights.ts"
import { present } from "../Present.ts"
import { isLinear, type Part, partsOf } from "./QuantisedFile.ts"
import type { Quantisation } from "./QuantiseWeights.ts"

/**
 * Weights whose linear layers are dequantised as they are multiplied, forward and backward. They cannot be trained
 * themselves; gradients flow through them to an adapter beside them.
 *
 * @param place of a tensor in a file that `writeQuantised` wrote.
 */
export const quantisedWeights = (
  config: ModelConfig,
  quantisation: Quantisation,
  place: (name: string) => ExternalData
): WeightSource =>
(program) => {
  const { scales: dtype } = quantisation
  const plain = new Map<string, Tensor>()
  const matrices = new Map<string, QuantisedMatrix>()
  for (const [name, dims] of modelTensors(config)) {
    if (!isLinear(name)) {
      plain.set(name, parameter(program, name, dtype, dims, place(name)))
      continue
    }
    const [rows = 0, columns = 0] = dims
    const { location, offset } = place(name)
    const part = (label: string, type: "uint8" | typeof dtype, { dims, length, offset: within }: Part) =>
      parameter(program, `${name}.${label}`, type, dims, { location, offset: offset + within, length })
    const { packed, scales, zeroPoints } = partsOf(quantisation, rows, columns)
    matrices.set(name, {
      bits: quantisation.bits,
      blockSize: quantisation.blockSize,
      columns,
      packed: part("packed", "uint8", packed),
      scales: part("scales", dtype, scales),
      zeroPoints: zeroPoints && part("zero_points", "uint8", zeroPoints)
    })
  }
  const tensor = (name: string): Tensor => present(plain.get(name), `weight ${name} that is not quantised`)
  return {
    dtype,
    tensor,
    linear: (x, modules) =>
      modules.map((module) => {
        const product = matMulNBits(x, present(matrices.get(`${module}.weight`), `quantised ${module}`))
        return hasBias(config, module) ? add(product, tensor(`${module}.bias`)) : product
      })
  }
}
