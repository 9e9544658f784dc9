/** From the tensors of a micro-batch to an objective's loss, its gradients and metrics. */
import { dimAt } from "../../onnx/Broadcast.ts"
import { multiplyDims } from "../../onnx/Dimension.ts"
import { gradients } from "../../onnx/Gradient.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { range } from "../../onnx/ops/Fill.ts"
import { flatten, reshape, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, equal, greaterOrEqual, where } from "../../onnx/ops/Logic.ts"
import { matMul } from "../../onnx/ops/MatMul.ts"
import { tokenLogProbs } from "../head/TokenLogProbs.ts"
import { hiddenStates } from "../model/CausalAttention.ts"
import { finalNorm } from "../model/Decoder.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { Weights } from "../model/Weights.ts"
import type { Forward, Objective } from "./Objective.ts"

export interface ForwardInputs {
  readonly config: ModelConfig
  readonly weights: Weights
  /** By the names of `microBatch`. */
  readonly batch: (name: string) => Tensor
  /** The trained tensors by name, the objective's heads among them. */
  readonly state: (name: string) => Tensor
  readonly objective: Objective
  readonly recompute: boolean
  /** The most predictions of any micro-batch. */
  readonly predictions: number
}

/** The loss of a micro-batch, float32 [], with its gradients in the order of `trained`. */
export const lossAndGradients = (inputs: ForwardInputs, trained: ReadonlyArray<Tensor>) => {
  const { loss, metrics = {} } = inputs.objective.loss(forwardPass(inputs), inputs.batch)
  return { loss, metrics, gradients: gradients(loss, trained) }
}

const forwardPass = ({ batch, config, predictions, recompute, state, weights }: ForwardInputs): Forward => {
  const hidden = once(() =>
    hiddenStates(config, weights, flatten(batch("tokens"), 0, 2), { positions: batch("positions"), recompute })
  )
  const distributions = once(() => tokenLogProbs(config, weights, hidden(), batch("targets"), predictions))
  // An infinity in padding would be a NaN in the sum over its sequence, where it is multiplied by 0.
  const unpadded = (values: Tensor) => where(greaterOrEqual(batch("sequence"), 0), values, 0)
  const sums = (values: Tensor) => sumBySequence(values, batch("sequence"), batch("tokens"))
  return {
    logProbs: once(() => unpadded(distributions().logProbs)),
    entropies: once(() => unpadded(distributions().entropies)),
    hidden: once(() => cast(finalNorm(config, weights, hidden()), "float32")),
    sumBySequence: sums,
    tokenCounts: once(() => sums(cast(greaterOrEqual(batch("sequence"), 0), "float32"))),
    head: state
  }
}

/** [predictions] to [items, sequences]: one product with the matrix that has a 1 where a prediction belongs to a sequence. */
export const sumBySequence = (values: Tensor, sequence: Tensor, tokens: Tensor): Tensor => {
  const [items, sequences] = [dimAt(tokens, 0), dimAt(tokens, 1)]
  const rows = unsqueeze(range(values.graph, "int32", multiplyDims(items, sequences)), [1])
  const belongs = cast(equal(rows, unsqueeze(sequence, [0])), values.dtype)
  return reshape(matMul(belongs, unsqueeze(values, [1])), [items, sequences])
}

const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
