import { describe, expect, it } from "@effect/vitest"
import type { DType } from "../../../../runtime/onnx/DType.ts"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { graph, input, output, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { mul, tanh } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { dropout } from "../../../../runtime/onnx/ops/Dropout.ts"
import { cast } from "../../../../runtime/onnx/ops/Logic.ts"
import { linear } from "../../../../runtime/onnx/ops/MatMul.ts"
import { matMulNBits } from "../../../../runtime/onnx/ops/Quantised.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { softmax } from "../../../../runtime/onnx/ops/Softmax.ts"
import { recompute } from "../../../../runtime/onnx/Recompute.ts"
import { chunkedLogProbs } from "../../../../runtime/policy/head/ChunkedLogProbs.ts"
import { placeOnCuda } from "../devices/cuda/Placement.ts"

type Inputs = (name: string, dtype: DType, shape: ReadonlyArray<number | string>) => Tensor

/** Each gives a result of hidden states x [n, 64]. */
const programs: Record<string, (x: Tensor, inputs: Inputs) => Tensor> = {
  "the head in pieces and runs": (x, inputs) =>
    chunkedLogProbs(x, inputs("head", x.dtype, [50_257, 64]), inputs("targets", "int32", ["n"]), { budget: 2 ** 22 }),
  "the head in runs": (x, inputs) =>
    chunkedLogProbs(x, inputs("head", x.dtype, [50_000, 64]), inputs("targets", "int32", ["n"]), {
      budget: 2 ** 22,
      most: 400
    }),
  "recomputed layers": (x, inputs) => recompute([x], ([x]) => softmax(tanh(linear(x, inputs("w", x.dtype, [64, 64]))))),
  "dropout": (x, inputs) => dropout(x, { rate: 0.1, key: inputs("key", "int32", []), place: "here" }),
  "a quantised matrix": (x, inputs) =>
    matMulNBits(x, {
      bits: 4,
      blockSize: 32,
      columns: 64,
      packed: inputs("packed", "uint8", [50, 2, 16]),
      scales: inputs("scales", x.dtype, [50, 2]),
      zeroPoints: inputs("zeros", "uint8", [50, 1])
    }, { budget: 20 * 64 * 4 })
}

describe.each(["float32", "float16", "bfloat16"] as const)("on CUDA, in %s", (dtype) => {
  it.each(Object.entries(programs))("%s runs on the GPU alone, but for the number of the iteration", (name, build) => {
    const program = graph(name)
    const made = new Map<string, Tensor>()
    const inputs: Inputs = (name, dtype, shape) => {
      const tensor = made.get(name) ?? input(program, name, dtype, shape)
      made.set(name, tensor)
      return tensor
    }
    const x = inputs("x", dtype, ["n", 64])
    const y = build(x, inputs)
    output("y", y)
    const floating = [...made.values()].filter((tensor) => tensor.dtype === dtype && !tensor.name.startsWith("scales"))
    gradients(cast(reduceSum(mul(y, y)), "float32"), floating).forEach((gradient, i) =>
      output(`gradient ${i}`, gradient)
    )
    const placed = placeOnCuda(program)
    expect(placed.flatMap(({ withoutKernel }) => withoutKernel.map(({ op }) => op))).toEqual([])
    expect(placed.flatMap(({ copies }) => copies.map(({ tensor }) => tensor.name))).toEqual([])
    const fed = placed.flatMap(({ fed }) => fed.map(({ tensor }) => tensor.name.replace(/^.*\//, "")))
    expect(fed.filter((name) => name !== "iteration")).toEqual([])
  })
})
