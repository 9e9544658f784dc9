/** From the tensors of a micro-batch to an objective's loss, its gradients and metrics. */
import { dimAt } from "../../onnx/Broadcast.ts"
import { multiplyDims } from "../../onnx/Dimension.ts"
import { gradients } from "../../onnx/Gradient.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { full, range } from "../../onnx/ops/Fill.ts"
import { flatten, reshape, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, equal, greaterOrEqual, where } from "../../onnx/ops/Logic.ts"
import { linear, matMul } from "../../onnx/ops/MatMul.ts"
import { tokenLogProbs } from "../head/TokenLogProbs.ts"
import { hiddenStates } from "../model/CausalAttention.ts"
import { finalNorm, headWeight } from "../model/Decoder.ts"
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

/** The loss of a micro-batch, float32 [], and metrics, without gradients. */
export const lossAlone = (inputs: ForwardInputs) => inputs.objective.loss(forwardPass(inputs), inputs.batch)

/** The loss of a micro-batch, float32 [], with its gradients in the order of `trained`. */
export const lossAndGradients = (inputs: ForwardInputs, trained: ReadonlyArray<Tensor>) => {
  const { loss, metrics = {} } = lossAlone(inputs)
  return { loss, metrics, gradients: gradients(loss, trained) }
}

const forwardPass = ({ batch, config, predictions, recompute, state, weights }: ForwardInputs): Forward => {
  const hidden = once(() =>
    hiddenStates(config, weights, flatten(batch("tokens"), 0, 2), { positions: batch("positions"), recompute })
  )
  const normed = once(() => cast(finalNorm(config, weights, hidden()), "float32"))
  const distributions = once(() => tokenLogProbs(config, weights, hidden(), batch("targets"), predictions))
  // An infinity in padding would be a NaN in the sum over its sequence, where it is multiplied by 0.
  const unpadded = (values: Tensor) => where(greaterOrEqual(batch("sequence"), 0), values, 0)
  const sums = (values: Tensor) => sumBySequence(values, batch("sequence"), batch("tokens"))
  return {
    logProbs: once(() => unpadded(distributions().logProbs)),
    entropies: once(() => unpadded(distributions().entropies)),
    meanLogits: once(() => flatten(linear(normed(), cast(meanRow(headWeight(config, weights)), "float32")), 0)),
    hidden: normed,
    sumBySequence: sums,
    tokenCounts: once(() => sums(cast(greaterOrEqual(batch("sequence"), 0), "float32"))),
    head: state
  }
}

/** The mean of the rows of a head [vocabulary, size]: [1, size]. Its product with a hidden state is the mean of all logits. */
const meanRow = (head: Tensor): Tensor => {
  const vocabulary = Number(dimAt(head, 0))
  return matMul(full(head.graph, head.dtype, [1, vocabulary], 1 / vocabulary), head)
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
