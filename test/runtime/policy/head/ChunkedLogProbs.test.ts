import { NodeFileSystem } from "@effect/platform-node"
import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { readFileSync } from "node:fs"
import { sizeOf, substitute } from "../../../../runtime/onnx/Dimension.ts"
import type { DType } from "../../../../runtime/onnx/DType.ts"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { type Graph, graph, input, output, parameter, type Tensor } from "../../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../../runtime/onnx/Model.ts"
import { mul } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { cast } from "../../../../runtime/onnx/ops/Logic.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { int64, type TensorData, tensorData } from "../../../../runtime/onnx/TensorData.ts"
import { chunkedLogProbs, distributions } from "../../../../runtime/policy/head/ChunkedLogProbs.ts"
import { headChunks } from "../../../../runtime/policy/head/HeadChunks.ts"
import { checkGradient } from "../../onnx/checkGradient.ts"
import { evaluate, given, varied } from "../../onnx/evaluate.ts"
import { fixedBytes, optimised } from "../../onnx/optimised.ts"

const [predictions, size, vocabulary] = [7, 6, 23]
const hidden = varied([predictions, size], -3, 3, 1)
const head = varied([vocabulary, size], -2, 2, 2)
const weights = varied([predictions], -1, 1, 3)
const targets = int64([predictions], Array.from({ length: predictions }, (_, i) => (5 * i + 3) % vocabulary))

const expected = JSON.parse(
  readFileSync(new URL("../../../fixtures/head/expected.json", import.meta.url), "utf8")
) as Record<string, ReadonlyArray<number>>

const as = (dtype: DType, { data, dims }: TensorData): TensorData => tensorData(dtype, dims, Array.from(data, Number))

/** Log-probs, entropies and the gradients of sum(weights logProbs). */
const results = (
  dtype: DType,
  options: { readonly budget?: number; readonly most?: number },
  symbolic: boolean,
  session = {}
) =>
  evaluate(
    [
      given(as(dtype, hidden), [symbolic ? "n" : predictions, size]),
      given(as(dtype, head)),
      given(targets, [symbolic ? "n" : predictions]),
      given(as("float32", weights), [symbolic ? "n" : predictions])
    ],
    ([hidden, head, targets, weights]) => {
      const { entropies, logProbs } = distributions(hidden!, head!, targets!, options)
      const [dHidden, dHead] = gradients(reduceSum(mul(logProbs, cast(weights!, logProbs.dtype))), [hidden!, head!])
      return { logProbs, entropies, dHidden, dHead }
    },
    session
  )

const furthest = (values: ReadonlyArray<number>, others: ReadonlyArray<number> = []): number =>
  Math.max(...values.map((value, index) => Number.isNaN(value) ? Infinity : Math.abs(value - others[index]!)))

/** Every tensor of a program, in loop bodies too. */
const everyTensor = (graph: Graph): ReadonlyArray<Tensor> =>
  graph.nodes.flatMap((node) => [
    ...node.outputs,
    ...Object.values(node.attributes).flatMap((value) => "graph" in value ? everyTensor(value.graph) : [])
  ])

const loops = (graph: Graph) => graph.nodes.filter(({ op }) => op === "Loop").length

layer(Layer.mergeAll(Sessions.layer, NodeFileSystem.layer))("the chunked head", (it) => {
  it.effect.each(
    [
      ["whole", {}, false],
      ["in runs of the vocabulary, the last of them beyond the end", { budget: 16 * 7 * 5 }, false],
      ["of an unknown number of predictions", { budget: 16 * 23 * 3 }, true],
      ["in pieces of rows and runs of the vocabulary", { budget: 16 * 3 * 5 }, true],
      ["of a stated number of predictions at most", { budget: 16 * 7 * 5, most: 7 }, true],
      ["one logit at a time", { budget: 16 }, true]
    ] as const
  )("agrees with PyTorch %s", ([, options, symbolic]) =>
    Effect.gen(function*() {
      const found = yield* results("float32", options, symbolic)
      for (const [name, { values }] of Object.entries(found)) {
        expect([name, values.length]).toEqual([name, expected[name]!.length])
        expect({ name, off: furthest(values, expected[name]) > 1e-5 }).toEqual({ name, off: false })
      }
    }))

  it.effect("agrees in float16 within its precision", () =>
    Effect.gen(function*() {
      const found = yield* results("float16", { budget: 16 * 3 * 5 }, true)
      for (const [name, { values }] of Object.entries(found)) {
        expect({ name, off: furthest(values, expected[name]) > 2e-2 }).toEqual({ name, off: false })
      }
    }))

  const count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))
  it.effect.prop("has the gradients that differences give, however it is cut", {
    predictions: count,
    vocabulary: count,
    budget: Schema.Int.check(Schema.isBetween({ minimum: 16, maximum: 800 })),
    symbolic: Schema.Boolean
  }, ({ budget, predictions, symbolic, vocabulary }) => {
    const rows = symbolic ? "n" : predictions
    const ids = int64([predictions], Array.from({ length: predictions }, (_, i) => (7 * i) % vocabulary))
    return checkGradient(
      [
        given(varied([predictions, 3], -2, 2, 1), [rows, 3]),
        given(varied([vocabulary, 3], -2, 2, 2)),
        given(ids, [rows])
      ],
      ([hidden, head, targets]) => chunkedLogProbs(hidden!, head!, targets!, { budget })
    )
  }, { arbitrary: { runs: 10 } })

  it.effect("gives nothing for no predictions", () =>
    Effect.gen(function*() {
      const none = [
        given(tensorData("float32", [0, size], []), ["n", size]),
        given(as("float32", head)),
        given(int64([0], []), ["n"])
      ]
      const { dHead, logProbs } = yield* evaluate(none, ([hidden, head, targets]) => {
        const logProbs = chunkedLogProbs(hidden!, head!, targets!, { budget: 240 })
        return { logProbs, dHead: gradients(reduceSum(logProbs), [head!])[0] }
      })
      expect(logProbs.dims).toEqual([0])
      expect(dHead.values).toEqual(Array(vocabulary * size).fill(0))
    }))

  it.effect.each([[512, 128_256], [4096, 32_000], [100_000, 50_257]] as const)(
    "of %s predictions over %s words has no tensor larger than its budget or its inputs",
    ([predictions, vocabulary]) =>
      Effect.sync(() => {
        const program = graph("llama")
        const size = 64
        const budget = 2 ** 22
        const hidden = input(program, "hidden", "float32", ["n", size])
        const head = input(program, "head", "float32", [vocabulary, size])
        const logProbs = chunkedLogProbs(hidden, head, input(program, "targets", "int32", ["n"]), { budget })
        gradients(reduceSum(logProbs), [hidden, head])
        const { tokens, words } = headChunks({ vocabulary, predictions: undefined }, budget)
        const pieces = Math.ceil(predictions / tokens)
        const piece = Math.ceil(predictions / pieces)
        const value = (symbol: string) =>
          symbol === "n"
            ? predictions
            : symbol.startsWith("pieces")
            ? pieces
            : symbol.startsWith("piece")
            ? piece
            : words
        for (const tensor of everyTensor(program)) {
          const elements = Number(sizeOf(tensor.shape.map((dim) => substitute(dim, value))))
          const rows = predictions + pieces
          const allowed = Math.max(budget / 16, words * size, rows * size, (vocabulary + words) * size)
          expect({ name: tensor.name, excess: Math.max(0, elements - allowed) }).toEqual({
            name: tensor.name,
            excess: 0
          })
        }
      })
  )

  it("is the plain ops where all of it fits, and computes nothing for a head that is not trained", () => {
    const built = (options: { readonly most?: number; readonly budget?: number }, trained: boolean) => {
      const program = graph("built")
      const hidden = input(program, "hidden", "float32", ["n", 4])
      const head = input(program, "head", "float32", [100, 4])
      const logProbs = chunkedLogProbs(hidden, head, input(program, "targets", "int32", ["n"]), options)
      gradients(reduceSum(logProbs), trained ? [hidden, head] : [hidden])
      return program
    }
    expect(loops(built({ most: 1000 }, true))).toBe(0)
    expect(loops(built({ most: 1000, budget: 16_000 }, true))).toBe(2)
    expect(loops(built({}, true))).toBe(2)
    const scans = (program: Graph) => everyTensor(program).filter(({ shape }) => shape.includes(100))
    expect(scans(built({ most: 10, budget: 1600 }, true)).length).toBeGreaterThan(0)
    expect(scans(built({ most: 10, budget: 1600 }, false))).toEqual([])
  })

  it.effect("reads its runs from the weight, of which onnxruntime makes no copies", () =>
    Effect.gen(function*() {
      const program = graph("frozen")
      const hidden = input(program, "hidden", "float32", ["n", 64])
      const head = parameter(
        program,
        "head",
        "float32",
        [1000, 64],
        tensorData("float32", [1000, 64], Array(64_000).keys())
      )
      const logProbs = chunkedLogProbs(hidden, head, input(program, "targets", "int32", ["n"]), { budget: 2 ** 16 })
      output("logProbs", logProbs)
      output("gradient", gradients(reduceSum(logProbs), [hidden])[0])
      const bytes = fixedBytes(yield* optimised(serialise(program)))
      expect(bytes).toBeGreaterThan(256_000)
      expect(bytes).toBeLessThan(258_000)
    }))

  it("refuses shapes that do not belong together", () => {
    const program = graph("refused")
    const hidden = input(program, "hidden", "float32", ["n", 4])
    const targets = input(program, "targets", "int32", ["n"])
    expect(() => chunkedLogProbs(hidden, input(program, "head", "float32", [9, 5]), targets)).toThrow(
      "head: takes hidden [n, size], head [vocabulary, size] and targets [n]"
    )
  })
})

describe("chunk sizes", () => {
  const positive = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300_000 }))
  it.prop("stay within their budget and waste little", { vocabulary: positive, predictions: positive }, (given) => {
    const { tokens, words } = headChunks(given)
    expect(tokens * words * 4).toBeLessThanOrEqual(2 ** 25)
    expect(words).toBeLessThanOrEqual(given.vocabulary)
    // Runs are of equal length but for the last.
    const runs = Math.ceil(given.vocabulary / words)
    expect(runs * words - given.vocabulary).toBeLessThan(runs)
  })
})
