import { expect, layer } from "@effect/vitest"
import { Effect, Result } from "effect"
import { gradients } from "../../../runtime/onnx/Gradient.ts"
import { constant, type Tensor } from "../../../runtime/onnx/Graph.ts"
import { add, mul, neg, sub, tanh } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { dropout } from "../../../runtime/onnx/ops/Dropout.ts"
import { gather } from "../../../runtime/onnx/ops/Index.ts"
import { cast } from "../../../runtime/onnx/ops/Logic.ts"
import { linear } from "../../../runtime/onnx/ops/MatMul.ts"
import { dequantise, matMulNBits } from "../../../runtime/onnx/ops/Quantised.ts"
import { reduceSum } from "../../../runtime/onnx/ops/Reduce.ts"
import { recompute } from "../../../runtime/onnx/Recompute.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { fromBytes, int64, tensorData, toNumbers } from "../../../runtime/onnx/TensorData.ts"
import { chunkedLogProbs } from "../../../runtime/policy/head/ChunkedLogProbs.ts"
import { quantisedShapes, quantiseRows } from "../../../runtime/policy/quantised/QuantiseWeights.ts"
import { evaluate, given, varied } from "./evaluate.ts"

const [vocabulary, size, rank, predictions, steps, layers] = [37, 32, 4, 9, 4, 2]

const single = (dims: ReadonlyArray<number>, seed: number) =>
  tensorData("float32", dims, toNumbers(varied(dims, -0.5, 0.5, seed)))

const quantisation = { bits: 4, blockSize: 32, symmetric: false, scales: "float32" } as const
const bytes = Result.getOrThrow(
  quantiseRows(Float32Array.from(single([size, size], 9).data, Number), size, quantisation)
)
const shapes = quantisedShapes(quantisation, size, size)

/** The frozen matrix of every layer. */
const base = (x: Tensor) => ({
  ...quantisation,
  columns: size,
  packed: constant(x.graph, fromBytes("uint8", shapes.packed, bytes.packed)),
  scales: constant(x.graph, fromBytes("float32", shapes.scales, bytes.scales)),
  zeroPoints: constant(x.graph, fromBytes("uint8", shapes.zeroPoints, bytes.zeroPoints ?? new Uint8Array()))
})

/** Steps of gradient descent on an adapter and on embeddings that are the head as well, all in one Loop. */
const train = (frugal: boolean) =>
  evaluate(
    [
      given(single([vocabulary, size], 1)),
      given(single([rank, size], 2)),
      given(single([size, rank], 3)),
      given(int64([predictions], [0, 5, 5, 9, 36, 11, 2, 0, 7]), ["n"]),
      given(int64([predictions], [5, 5, 9, 36, 11, 2, 0, 7, 1]), ["n"])
    ],
    ([embedding, a, b, tokens, targets]) => {
      const { scan, state } = loop({
        trips: steps,
        state: { embedding: embedding!, a: a!, b: b! },
        body: (step, { a, b, embedding }) => {
          const layer = (index: number) => ([x]: readonly [Tensor]) => {
            const product = frugal
              ? matMulNBits(x, base(x), { budget: 4 * size * 7 })
              : linear(x, dequantise(base(x)))
            const seen = dropout(x, { rate: 0.2, key: cast(step, "int32"), place: `${index}` })
            return add(x, tanh(add(product, linear(linear(seen, a), b))))
          }
          const hidden = Array.from({ length: layers }, (_, index) => layer(index)).reduce(
            (x, build) => frugal ? recompute([x], build) : build([x]),
            gather(embedding, tokens!)
          )
          const logProbs = chunkedLogProbs(hidden, embedding, targets!, frugal ? { budget: 16 * 4 * 10 } : { most: 99 })
          const loss = neg(reduceSum(logProbs))
          const state = { a, b, embedding }
          const [da, db, de] = gradients(loss, [a, b, embedding])
          return {
            state: {
              a: sub(state.a, mul(da, 0.02)),
              b: sub(state.b, mul(db, 0.02)),
              embedding: sub(state.embedding, mul(de, 0.02))
            },
            scan: { loss }
          }
        }
      })
      return { losses: scan.loss, a: state.a, b: state.b, embedding: state.embedding }
    }
  )

layer(Sessions.layer)("training in one Loop", (it) => {
  it.effect("with all that saves memory gives the losses and weights that it gives without", () =>
    Effect.gen(function*() {
      const [plain, frugal] = [yield* train(false), yield* train(true)]
      expect(frugal.losses.dims).toEqual([steps])
      expect(plain.losses.values[steps - 1]).toBeLessThan(0.9 * plain.losses.values[0]!)
      for (const name of ["losses", "a", "b", "embedding"] as const) {
        plain[name].values.forEach((value, index) => {
          expect(Math.abs(frugal[name].values[index]! - value)).toBeLessThan(2e-5 * (1 + Math.abs(value)))
        })
      }
    }))
})
