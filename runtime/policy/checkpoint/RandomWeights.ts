/** Initial weights for a policy trained from nothing. */
import type { TensorData } from "../../onnx/TensorData.ts"
import { noiseKey, threefry } from "../generate/SamplingNoise.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"

/**
 * A weight of a new model: matrices normal(0, initializerRange), norm weights 1, biases 0, as transformers initialises.
 * Its values depend on the seed and its name alone.
 */
export const randomWeight = (config: ModelConfig, seed: number, name: string): TensorData => {
  const dims = modelTensors(config).get(name) ?? []
  const size = dims.reduce((product, dim) => product * dim, 1)
  const data = dims.length === 1
    ? new Float32Array(size).fill(name.endsWith(".bias") ? 0 : 1)
    : normals(seed, name, size, config.initializerRange)
  return { dtype: "float32", dims, data }
}

/** Normal values by the Box-Muller transform, two from each pair of uniform words. */
const normals = (seed: number, name: string, size: number, deviation: number): Float32Array => {
  const key = noiseKey(seed, name, 0)
  const values = new Float32Array(size)
  for (let i = 0; i < size; i += 2) {
    const [a, b] = threefry(key, i / 2, 0)
    // (a + 1) / 2^32 is in (0, 1], so the logarithm is finite.
    const radius = deviation * Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32))
    const angle = 2 * Math.PI * b / 2 ** 32
    values[i] = radius * Math.cos(angle)
    if (i + 1 < size) values[i + 1] = radius * Math.sin(angle)
  }
  return values
}
