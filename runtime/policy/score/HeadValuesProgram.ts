import { type Graph, graph, input, output, type Tensor } from "../../onnx/Graph.ts"
import { add } from "../../onnx/ops/Arithmetic.ts"
import { flatten } from "../../onnx/ops/Layout.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { hiddenStates } from "../model/CausalAttention.ts"
import { finalNorm } from "../model/Decoder.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Weights, WeightSource } from "../model/Weights.ts"

/** A head of one number: weight [1, hiddenSize] and, where it has one, bias [1]. */
export interface ScalarHead {
  readonly weight: Tensor
  readonly bias?: Tensor
}

/**
 * `tokens` int32 [items, 1, length] and `positions` int32 [predictions] (see MicroBatch) to `values` float32 [predictions]:
 * the head at the hidden states there.
 */
export const headValuesProgram = (
  config: ModelConfig,
  source: WeightSource,
  headOf: (program: Graph, weights: Weights) => ScalarHead
): Graph => {
  const program = graph("head values")
  const tokens = input(program, "tokens", "int32", ["items", 1, "length"])
  const positions = input(program, "positions", "int32", ["predictions"])
  const weights = source(program)
  const { bias, weight } = headOf(program, weights)
  const hidden = hiddenStates(config, weights, flatten(tokens, 0, 2), { positions })
  const values = linear(cast(finalNorm(config, weights, hidden), "float32"), cast(weight, "float32"))
  output("values", flatten(bias === undefined ? values : add(values, bias), 0))
  return program
}
