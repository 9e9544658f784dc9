/**
 * From hidden states h to log-probs of given tokens and entropies of their distributions, in nats, over logits
 * l_tv = h_t w_v that never exist all at once:
 *
 *     log p_t = l_ty - L_t      L_t = log sum_v e^l_tv      H_t = L_t - sum_v p_tv l_tv
 *
 * Forward, running sums over chunks of the vocabulary give L and H. Backward, each chunk of logits is computed again:
 *
 *     dh_t = g_t sum_v (1[v = y_t] - p_tv) w_v      dw_v = sum_t g_t (1[v = y_t] - p_tv) h_t      p_tv = e^(l_tv - L_t)
 *
 * so a training step multiplies with the head four times where keeping the logits would take three. Products are in the
 * type of h and w, everything else in float32.
 */
import { dimAt, sameType } from "../../onnx/Broadcast.ts"
import { sameShape } from "../../onnx/Dimension.ts"
import { emit, fail, type Tensor } from "../../onnx/Graph.ts"
import { exp, mul, neg } from "../../onnx/ops/Arithmetic.ts"
import { gatherElements, scatterElements } from "../../onnx/ops/Index.ts"
import { squeeze, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast } from "../../onnx/ops/Logic.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { wide } from "../../onnx/ops/Precision.ts"
import { reduceSum } from "../../onnx/ops/Reduce.ts"
import { logSoftmax } from "../../onnx/ops/Softmax.ts"
import { scope } from "../../onnx/Scope.ts"
import { type HeadChunks, headChunks } from "./HeadChunks.ts"
import { headGradients, type Predictions, summarise } from "./HeadPass.ts"
import { mapRows } from "./RowPieces.ts"

export interface ChunkedOptions {
  /** The most predictions of any run, where their number is a symbol. Left out, they are taken to be many. */
  readonly most?: number
  /** Bytes of one chunk of logits; see HeadChunks. */
  readonly budget?: number
}

export interface Distributions {
  /** log p of each target: float32 [predictions]. */
  readonly logProbs: Tensor
  /** float32 [predictions]; has no gradient where the head is chunked. */
  readonly entropies: Tensor
}

/** Log-probs float32 [predictions] of `targets` int [predictions], from `hidden` [predictions, size] and `head` [vocabulary, size]. */
export const chunkedLogProbs = (hidden: Tensor, head: Tensor, targets: Tensor, options: ChunkedOptions = {}): Tensor =>
  distributions(hidden, head, targets, options).logProbs

/** The same with entropies. */
export const distributions = (
  hidden: Tensor,
  head: Tensor,
  targets: Tensor,
  options: ChunkedOptions = {}
): Distributions => {
  const [count, vocabulary] = [dimAt(hidden, 0), dimAt(head, 0)]
  sameType("head", [hidden, head])
  if (typeof vocabulary !== "number" || !sameShape(targets.shape, [count]) || hidden.shape[1] !== head.shape[1]) {
    return fail("head", [hidden, head, targets], "takes hidden [n, size], head [vocabulary, size] and targets [n]")
  }
  const predictions = typeof count === "number" ? count : options.most
  const chunks = headChunks({ vocabulary, predictions }, options.budget)
  const given = { hidden, targets: unsqueeze(cast(targets, "int64"), [1]) }
  return scope("head", () =>
    chunks.words === vocabulary && chunks.tokens === predictions
      ? whole(head, given)
      : chunked(head, given, chunks, predictions))
}

/** The gradient of the log-probs, dl_tv = g_t (1[v = y_t] - p_tv), in as few passes over the logits as it takes. */
const whole = (head: Tensor, { hidden, targets }: Predictions): Distributions => {
  const logits = wide(linear(hidden, head))
  const logProbs = logSoftmax(logits)
  const found = gatherElements(logProbs, targets, 1)
  const ofTargets = emit({
    op: "Identity",
    inputs: [found],
    dtype: found.dtype,
    shape: found.shape,
    differentiable: [logits],
    gradient: (dy) => [scatterElements(mul(exp(logProbs), neg(dy)), targets, dy, { axis: 1, reduction: "add" })]
  })
  return {
    logProbs: squeeze(ofTargets, [1]),
    entropies: neg(reduceSum(mul(exp(logProbs), logProbs), { axes: [1] }))
  }
}

const chunked = (
  weight: Tensor,
  given: Predictions,
  { tokens, words }: HeadChunks,
  predictions: number | undefined
) => {
  const head = { weight, words }
  const most = predictions !== undefined && predictions <= tokens ? undefined : tokens
  const { rows } = mapRows({
    rows: { ...given },
    most,
    sums: {},
    body: (piece) => ({ rows: summarise(head, piece), sums: {} })
  })
  const logProbs = emit({
    op: "Identity",
    inputs: [rows.logProbs],
    dtype: rows.logProbs.dtype,
    shape: rows.logProbs.shape,
    differentiable: [given.hidden, weight],
    gradient: (dy, [, needsHead = false]) => {
      const found = mapRows({
        rows: { ...given, logSums: rows.logSums, dy },
        most,
        sums: needsHead ? { head: weight.shape } : {},
        body: (piece) => headGradients(head, piece, needsHead)
      })
      const { head: dHead } = found.sums
      return [cast(found.rows.hidden, given.hidden.dtype), dHead && cast(dHead, weight.dtype)]
    }
  })
  return { logProbs: squeeze(logProbs, [1]), entropies: squeeze(rows.entropies, [1]) }
}
