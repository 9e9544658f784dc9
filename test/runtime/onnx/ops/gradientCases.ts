import { constant, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import * as Arithmetic from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { dropout } from "../../../../runtime/onnx/ops/Dropout.ts"
import * as Index from "../../../../runtime/onnx/ops/Index.ts"
import * as Join from "../../../../runtime/onnx/ops/Join.ts"
import * as Layout from "../../../../runtime/onnx/ops/Layout.ts"
import * as Logic from "../../../../runtime/onnx/ops/Logic.ts"
import * as MatMul from "../../../../runtime/onnx/ops/MatMul.ts"
import { inWideType, wide } from "../../../../runtime/onnx/ops/Precision.ts"
import { matMulNBits } from "../../../../runtime/onnx/ops/Quantised.ts"
import * as Reduce from "../../../../runtime/onnx/ops/Reduce.ts"
import * as Scan from "../../../../runtime/onnx/ops/Scan.ts"
import { assume } from "../../../../runtime/onnx/ops/Shape.ts"
import * as Softmax from "../../../../runtime/onnx/ops/Softmax.ts"
import { sumByIndex } from "../../../../runtime/onnx/ops/SumByIndex.ts"
import { int64, type TensorData, tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { given, varied } from "../evaluate.ts"

/** An op at a point where it is smooth. */
export interface GradientCase {
  readonly inputs: ReadonlyArray<TensorData>
  readonly f: (...tensors: ReadonlyArray<Tensor>) => Tensor
  /** onnxruntime has no float64 kernel for it. */
  readonly single?: boolean
}

const of = (f: GradientCase["f"], ...inputs: ReadonlyArray<TensorData>): GradientCase => ({ f, inputs })
const single = (f: GradientCase["f"], ...inputs: ReadonlyArray<TensorData>) => ({ f, inputs, single: true })

const any = varied([2, 3], -1, 1, 1)
const other = varied([2, 3], -1, 1, 2)
const positive = varied([2, 3], 0.3, 1.5, 3)
const cube = varied([2, 3, 4], -1, 1, 4)
const rows = int64([3], [1, 0, 1])

const quantised = (x: Tensor) =>
  matMulNBits(x, {
    bits: 8,
    blockSize: 32,
    columns: 3,
    packed: constant(x.graph, tensorData("uint8", [2, 1, 32], Array.from({ length: 64 }, (_, i) => 100 + i))),
    scales: constant(x.graph, tensorData(x.dtype, [2, 1], [0.01, -0.02]))
  })

/** Every op that has a gradient, by its name. */
export const gradientCases: Readonly<Record<string, GradientCase>> = {
  abs: of((x) => Arithmetic.abs(x!), positive),
  add: of((a, b) => Arithmetic.add(a!, b!), any, varied([3], -1, 1, 5)),
  assume: of((x) => assume(x!, [2, 3]), any),
  cast: of((x) => Logic.cast(Logic.cast(x!, "float32"), x!.dtype), any),
  clip: of((x) => Arithmetic.clip(x!, -0.4, 0.6), any),
  concat: of((a, b) => Join.concat([a!, b!, a!], 1), any, other),
  cos: of((x) => Arithmetic.cos(x!), any),
  cumSum: of((x) => Scan.cumSum(x!, 1, { reverse: true }), any),
  div: of((a, b) => Arithmetic.div(a!, b!), any, positive),
  dropout: of(
    (x, key) => dropout(x!, { rate: 0.4, key: key!, place: "" }),
    cube,
    tensorData("int32", [], [3])
  ),
  erf: single((x) => Arithmetic.erf(x!), any),
  exp: of((x) => Arithmetic.exp(x!), any),
  expand: of((x) => Layout.expand(x!, [2, 2, 3]), any),
  flatten: of((x) => Layout.flatten(x!, 1), cube),
  gather: of((x, at) => Index.gather(x!, at!), any, rows),
  gatherElements: of((x, at) => Index.gatherElements(x!, at!), any, int64([2, 2], [0, 2, 1, 1])),
  gatherND: of((x, at) => Index.gatherND(x!, at!), cube, int64([2, 2], [0, 1, 1, 2])),
  gelu: single((x) => Arithmetic.gelu(x!), any),
  gemm: of((a, b) => MatMul.gemm(a!, b!, { transposeB: true }), any, other),
  identity: of((x) => Arithmetic.identity(x!), any),
  inWideType: of((x) => inWideType(x!, Arithmetic.exp), any),
  linear: of((x, w) => MatMul.linear(x!, w!), cube, varied([2, 4], -1, 1, 5)),
  log: of((x) => Arithmetic.log(x!), positive),
  logSoftmax: of((x) => Softmax.logSoftmax(x!), any),
  logSumExp: of((x) => Reduce.logSumExp(x!, { axes: [1] }), any),
  matMul: of((a, b) => MatMul.matMul(a!, b!), cube, varied([4, 2], -1, 1, 5)),
  matMulNBits: single((x) => quantised(x!), any),
  maximum: of((a, b) => Arithmetic.maximum(a!, b!), any, other),
  minimum: of((a, b) => Arithmetic.minimum(a!, b!), any, other),
  mul: of((a, b) => Arithmetic.mul(a!, b!), any, varied([2, 1], -1, 1, 5)),
  neg: of((x) => Arithmetic.neg(x!), any),
  pad: of((x) => Join.pad(x!, 1, 1, 2), any),
  pow: of((a, b) => Arithmetic.pow(a!, b!), positive, any),
  reciprocal: of((x) => Arithmetic.reciprocal(x!), positive),
  reduceMax: of((x) => Reduce.reduceMax(x!, { axes: [0] }), any),
  reduceMean: of((x) => Reduce.reduceMean(x!, { axes: [0, 2] }), cube),
  reduceMin: of((x) => Reduce.reduceMin(x!, { axes: [1], keepDims: true }), any),
  reduceSum: of((x) => Reduce.reduceSum(x!, { axes: [1] }), cube),
  relu: of((x) => Arithmetic.relu(x!), any),
  reshape: of((x) => Layout.reshape(x!, [3, 8]), cube),
  scatterElements: of(
    (x, at, updates) => Index.scatterElements(x!, at!, updates!, { axis: 1, reduction: "add" }),
    any,
    int64([2, 1], [2, 0]),
    varied([2, 1], -1, 1, 5)
  ),
  scatterND: of(
    (x, at, updates) => Index.scatterND(x!, at!, updates!),
    any,
    int64([1, 1], [1]),
    varied([1, 3], -1, 1, 5)
  ),
  sigmoid: of((x) => Arithmetic.sigmoid(x!), any),
  silu: of((x) => Arithmetic.silu(x!), any),
  sin: of((x) => Arithmetic.sin(x!), any),
  slice: of((x) => Join.slice(x!, 2, 1, -1), cube),
  sliceAt: of((x, at) => Join.sliceAt(x!, 1, at!, 2), any, int64([], [1])),
  softmax: of((x) => Softmax.softmax(x!, 0), any),
  softplus: single((x) => Arithmetic.softplus(x!), any),
  split: of((x) => Join.split(x!, 2, [1, 3])[1], cube),
  sqrt: of((x) => Arithmetic.sqrt(x!), positive),
  square: of((x) => Arithmetic.square(x!), any),
  squeeze: of((x) => Layout.squeeze(x!, [1]), varied([2, 1, 3], -1, 1, 5)),
  stack: of((a, b) => Join.stack([a!, b!], 1), any, other),
  sub: of((a, b) => Arithmetic.sub(a!, b!), any, varied([3], -1, 1, 5)),
  sumByIndex: of((x, at) => sumByIndex(x!, at!, 4), varied([3, 2], -1, 1, 5), rows),
  sumTo: of((x) => Reduce.sumTo(x!, [3, 1]), cube),
  swapAxes: of((x) => Layout.swapAxes(x!, 0, 2), cube),
  tanh: of((x) => Arithmetic.tanh(x!), any),
  topK: of((x) => Index.topK(x!, 2).values, any),
  transpose: of((x) => Layout.transpose(x!, [2, 0, 1]), cube),
  triangle: of((x) => Scan.triangle(x!, "lower"), any),
  unsqueeze: of((x) => Layout.unsqueeze(x!, [1]), any),
  where: of((a, b) => Logic.where(Logic.greater(a!, 0), a!, b!), any, other),
  wide: of((x) => wide(x!), any)
}

/** What the files of ops also have: why it has no gradient. */
export const withoutGradient: Readonly<Record<string, string>> = Object.fromEntries([
  ...["floor", "ceil", "round", "sign"].map((name) => [name, "is constant but for jumps: 0"]),
  ["stopGradient", "lets none through, which is its meaning"],
  ...["mod", "oneHot", "argMax"].map((name) => [name, "of whole numbers, or to them"]),
  ...["equal", "less", "lessOrEqual", "greater", "greaterOrEqual", "and", "or", "not", "isFinite"].map((name) => [
    name,
    "gives bool"
  ]),
  ...["loop", "ifElse"].map((name) => [name, "is differentiated within its body"]),
  ...["full", "zeros", "range", "shapeOf", "dimension", "shapeVector", "extent"].map((name) => [
    name,
    "reads no values"
  ]),
  ...["wideType", "sum"].map((name) => [name, "is no op"]),
  ["dequantise", "of weights that are fixed"]
])

export const asGiven = ({ inputs }: GradientCase) => inputs.map((value) => given(value))
