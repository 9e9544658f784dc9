/** The two passes over a language-model head, in runs of vocabulary entries; the formulas stand in ChunkedLogProbs.ts. */
import { dimAt } from "../../onnx/Broadcast.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { add, div, exp, log, maximum, minimum, mul, neg, sub } from "../../onnx/ops/Arithmetic.ts"
import { type Iteration, loop } from "../../onnx/ops/Control.ts"
import { full, range, zeros } from "../../onnx/ops/Fill.ts"
import { gather, gatherElements, scatterElements } from "../../onnx/ops/Index.ts"
import { slice } from "../../onnx/ops/Join.ts"
import { flatten } from "../../onnx/ops/Layout.ts"
import { and, cast, greaterOrEqual, less, where } from "../../onnx/ops/Logic.ts"
import { gemm, linear } from "../../onnx/ops/MatMul.ts"
import { wide, wideType } from "../../onnx/ops/Precision.ts"
import { reduceMax, reduceSum } from "../../onnx/ops/Reduce.ts"

/** Hidden states [n, size] and the tokens asked about, int64 [n, 1]. */
export interface Predictions {
  readonly hidden: Tensor
  readonly targets: Tensor
}

/** A head [vocabulary, size], read `words` entries at a time. */
export interface Head {
  readonly weight: Tensor
  readonly words: number
}

const along = { axes: [1], keepDims: true }

/** Lower than any logit, but finite: the exponential of a difference to it is 0, and 0 times it is 0. */
const lowest = -1e30

/** Logits of one run of the vocabulary, and where the targets stand in it. `index` is undefined where one run is all. */
const runOf = (head: Head, { hidden, targets }: Predictions, index: Tensor | undefined) => {
  const { entries, places } = entriesOf(head, index)
  const logits = wide(linear(hidden, entries))
  const local = index === undefined ? targets : sub(targets, mul(index, head.words))
  const inside = and(greaterOrEqual(local, 0), less(local, head.words))
  const vocabulary = Number(dimAt(head.weight, 0))
  return {
    entries,
    logits: places === undefined || vocabulary % head.words === 0
      ? logits
      : where(less(places, vocabulary), logits, lowest),
    inside,
    at: where(inside, local, 0)
  }
}

/**
 * Rows of the head, and their places in the vocabulary. A last run that would end beyond it repeats the last row. Looked
 * up rather than sliced: the start of a slice has to lie on the host, and would be copied there in every run.
 */
const entriesOf = ({ weight, words }: Head, index: Tensor | undefined) => {
  if (index === undefined) return { entries: weight, places: undefined }
  const places = add(mul(index, words), range(weight.graph, "int64", words))
  const last = Number(dimAt(weight, 0)) - 1
  return { entries: gather(weight, (last + 1) % words === 0 ? places : minimum(places, last)), places }
}

const runsOf = ({ weight, words }: Head): number => Math.ceil(Number(dimAt(weight, 0)) / words)

/**
 * log p of the targets, log sum_v e^l_v and entropies, each [n, 1], by running sums over runs of the vocabulary:
 * m the largest logit so far, s = sum e^(l - m) and u = sum e^(l - m) (l - m), which move with m.
 */
export const summarise = (head: Head, given: Predictions) => {
  const { graph } = head.weight
  const column = (value: number) => full(graph, wideType(head.weight.dtype), [dimAt(given.hidden, 0), 1], value)
  const start = { largest: column(lowest), sum: column(0), moment: column(0), picked: column(0) }
  const step = (before: typeof start, index: Tensor | undefined): typeof start => {
    const { at, inside, logits } = runOf(head, given, index)
    const largest = maximum(before.largest, reduceMax(logits, along))
    const change = sub(before.largest, largest)
    const shifted = sub(logits, largest)
    const weights = exp(shifted)
    const moved = add(before.moment, mul(before.sum, change))
    return {
      largest,
      sum: add(mul(before.sum, exp(change)), reduceSum(weights, along)),
      moment: add(mul(moved, exp(change)), reduceSum(mul(weights, shifted), along)),
      picked: where(inside, gatherElements(logits, at, 1), before.picked)
    }
  }
  const runs = runsOf(head)
  const { largest, moment, picked, sum } = runs === 1
    ? step(start, undefined)
    : loop({ name: "vocabulary", trips: runs, state: start, body: (index, state) => ({ state: step(state, index) }) })
      .state
  const logSums = add(largest, log(sum))
  return { logProbs: sub(picked, logSums), logSums, entropies: sub(log(sum), div(moment, sum)) }
}

export interface Arriving extends Predictions {
  /** log sum_v e^l_v from the forward pass: [n, 1]. */
  readonly logSums: Tensor
  /** The gradients of the log-probs: [n, 1]. */
  readonly dy: Tensor
}

/** Gradients of the hidden states [n, size] and, where `needsHead`, of the head [vocabulary, size], both in the wide type. */
export const headGradients = (head: Head, given: Arriving, needsHead: boolean) => {
  const { dy, hidden, logSums } = given
  const { dtype } = hidden
  // The sums are over p - 1[v = y]; the factor -dy is applied to rows of h and dh, not to rows of the vocabulary's width.
  const scaled = mul(hidden, cast(neg(dy), dtype))
  const step = (index: Tensor | undefined) => {
    const { at, entries, inside, logits } = runOf(head, given, index)
    const p = exp(sub(logits, logSums))
    const error = cast(scatterElements(p, at, neg(cast(inside, p.dtype)), { axis: 1, reduction: "add" }), dtype)
    return { hidden: wide(gemm(error, entries)), head: wide(gemm(error, scaled, { transposeA: true })) }
  }
  const runs = runsOf(head)
  if (runs === 1) {
    const { head: dHead, hidden: dHidden } = step(undefined)
    return result(mul(dHidden, neg(dy)), needsHead ? dHead : undefined)
  }
  const { scan, state } = loop({
    name: "vocabulary",
    trips: runs,
    state: { hidden: zeros(hidden.graph, wideType(dtype), hidden.shape) },
    body: (index, sum): Iteration<"hidden", string> => {
      const run = step(index)
      return { state: { hidden: add(sum.hidden, run.hidden) }, scan: needsHead ? { head: run.head } : {} }
    }
  })
  const { head: dHead } = scan
  return result(
    mul(state.hidden, neg(dy)),
    dHead && slice(flatten(dHead, 0, 2), 0, 0, dimAt(head.weight, 0))
  )
}

const result = (hidden: Tensor, head: Tensor | undefined) => ({
  rows: { hidden },
  sums: head === undefined ? {} : { head }
})
