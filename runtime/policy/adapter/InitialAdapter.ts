import type { TensorData } from "../../onnx/TensorData.ts"
import { noiseKey, threefry } from "../generate/SamplingNoise.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { type AdapterConfig, adapterTensors } from "./AdapterConfig.ts"

/**
 * First values of an adapter, distributed as PEFT's: A uniform within 1 / sqrt(inputs) (He et al. 2015 with a = sqrt 5),
 * B zero, so that an untrained adapter changes nothing. A tensor's values depend on the seed and its name alone.
 */
export const initialAdapter = (
  config: ModelConfig,
  adapter: AdapterConfig,
  seed: number
): ReadonlyMap<string, TensorData> =>
  new Map([...adapterTensors(config, adapter)].map(([name, dims]) => {
    const [rows = 0, columns = 0] = dims
    const data = new Float32Array(rows * columns)
    if (name.includes(".lora_A.")) fillUniform(data, seed, name, 1 / Math.sqrt(columns))
    return [name, { dtype: "float32", dims, data }]
  }))

const fillUniform = (values: Float32Array, seed: number, name: string, bound: number): void => {
  const key = noiseKey(seed, name, 0)
  const value = (word: number) => bound * (2 * word / 2 ** 32 - 1)
  for (let i = 0; i < values.length; i += 2) {
    const [a, b] = threefry(key, i / 2, 0)
    values[i] = value(a)
    if (i + 1 < values.length) values[i + 1] = value(b)
  }
}
