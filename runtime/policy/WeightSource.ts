/** Where a program's weights come from. */
import { type ExternalData, type Graph, input, parameter, type Tensor } from "../onnx/Graph.ts"
import type { TensorData } from "../onnx/TensorData.ts"
import type { Weights } from "./Llama.ts"
import type { LlamaConfig } from "./LlamaConfig.ts"
import { llamaTensors } from "./LlamaTensors.ts"

/** Makes the weights of a program. */
export type WeightSource = (program: Graph) => Weights

/** Weights fixed in the program, each a parameter whose bytes lie in the checkpoint file or in memory. */
export const fixedWeights = (
  config: LlamaConfig,
  bytesOf: (name: string) => TensorData | ExternalData
): WeightSource =>
(program) =>
  lookup(
    new Map([...llamaTensors(config)].map(([name, dims]) => [
      name,
      parameter(program, name, "float32", dims, bytesOf(name))
    ]))
  )

/** Weights given at each run, as inputs of their names. */
export const inputWeights = (config: LlamaConfig): WeightSource => (program) =>
  lookup(new Map([...llamaTensors(config)].map(([name, dims]) => [name, input(program, name, "float32", dims)])))

const lookup = (tensors: ReadonlyMap<string, Tensor>): Weights => (name) => {
  const tensor = tensors.get(name)
  if (tensor === undefined) {
    throw new Error(`the forward pass asks for a weight ${name} that llamaTensors does not list`)
  }
  return tensor
}
