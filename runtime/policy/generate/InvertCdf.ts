/** Draws an index with probability proportional to its weight, from a uniform number. */
import { dimAt } from "../../onnx/Broadcast.ts"
import { sizeOf } from "../../onnx/Dimension.ts"
import type { Tensor } from "../../onnx/Graph.ts"
import { add, minimum, mul, sub } from "../../onnx/ops/Arithmetic.ts"
import { range } from "../../onnx/ops/Fill.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { pad } from "../../onnx/ops/Join.ts"
import { reshape, unsqueeze } from "../../onnx/ops/Layout.ts"
import { cast, lessOrEqual, where } from "../../onnx/ops/Logic.ts"
import { reduceMax, reduceSum } from "../../onnx/ops/Reduce.ts"
import { cumSum } from "../../onnx/ops/Scan.ts"

/** The largest factor below 1 by which any float32 becomes a smaller one. */
const BELOW = 1 - 2 ** -23

/**
 * The first index along the last axis whose cumulative weight exceeds uniform * total: int64 [...]. Weights need not sum
 * to 1; one that is 0 is never chosen.
 *
 * @param uniform [...] in [0, 1), see SamplingNoise.ts.
 */
export const invertCdf = (weights: Tensor, uniform: Tensor): Tensor => {
  const cumulative = cumSum(weights, -1)
  return countUpTo(cumulative, mul(uniform, reduceMax(cumulative, { axes: [-1] })))
}

/**
 * The same of many weights, in two steps: a block of them by the blocks' sums, then an index within it. Running sums are
 * slow and counting needs 64-bit integers, so both see about the square root of the weights instead of all.
 */
export const invertLongCdf = (weights: Tensor, uniform: Tensor): Tensor => {
  const size = Number(dimAt(weights, -1))
  const width = blockWidth(size)
  const count = Math.ceil(size / width)
  const rows = sizeOf(uniform.shape)
  const blocks = reshape(pad(weights, -1, 0, count * width - size), [rows, count, width])
  const target = { of: reshape(uniform, [rows]) }
  const ends = cumSum(reduceSum(blocks, { axes: [-1] }), -1)
  const aim = mul(target.of, reduceMax(ends, { axes: [-1] }))
  const block = countUpTo(ends, aim)
  // Where the blocks before the chosen one end.
  const start = reduceMax(where(lessOrEqual(ends, unsqueeze(aim, [-1])), ends, 0), { axes: [-1] })

  const first = mul(range(weights.graph, "int64", rows), count)
  const within = cumSum(gather(reshape(blocks, [-1, width]), add(first, block)), -1)
  // Summed in another order the block may end below the aim: an index in it is chosen all the same.
  const rest = minimum(sub(aim, start), mul(reduceMax(within, { axes: [-1] }), BELOW))
  return reshape(add(mul(block, width), countUpTo(within, rest)), uniform.shape)
}

/** How many of an ascending row [..., count] do not exceed a limit [...]: the first index that does. */
const countUpTo = (ascending: Tensor, limit: Tensor): Tensor =>
  reduceSum(cast(lessOrEqual(ascending, unsqueeze(limit, [-1])), "int64"), { axes: [-1] })

/** Near the square root, and a divisor where one is near: then nothing is padded. */
const blockWidth = (size: number): number => {
  const root = Math.ceil(Math.sqrt(size))
  for (let away = 0; away < root / 2; away++) {
    for (const width of [root - away, root + away]) if (size % width === 0) return width
  }
  return root
}
