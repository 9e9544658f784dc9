import { fromBinary } from "@bufbuild/protobuf"
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { graph, input, output, parameter } from "../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../runtime/onnx/Model.ts"
import { add, mul } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { linear } from "../../../runtime/onnx/ops/MatMul.ts"
import { type GraphProto, ModelProtoSchema } from "../../../runtime/onnx/proto/onnx_pb.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { float32, toNumbers } from "../../../runtime/onnx/TensorData.ts"

/** x -> 2 W^3 x + b, the last two products in a loop; `bias` and W lie in a file. */
const program = () => {
  const powers = graph("powers")
  const file = (offset: number, length: number) => ({ location: "weights.bin", offset, length })
  const x = input(powers, "x", "float32", ["rows", 2])
  const w = parameter(powers, "w", "float32", [2, 2], file(0, 16))
  const bias = parameter(powers, "bias", "float32", [2], file(16, 8))
  const scale = parameter(powers, "scale", "float32", [], float32([], [Math.SQRT2]))
  const { state } = loop({
    name: "products",
    trips: 2,
    state: { x: linear(x, w) },
    body: (_, { x }) => ({ state: { x: mul(linear(x, w), scale) } })
  })
  output("y", add(state.x, bias))
  return powers
}

const names = (graph: GraphProto | undefined): ReadonlyArray<string> =>
  (graph?.initializer ?? []).map(({ name }) => name).filter((name) => !name.startsWith("constant"))

layer(Sessions.layer)("a loop body with weights of its own", (it) => {
  it.effect("reads the same bytes of the file, and computes the same", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "gemflow-own-weights-"))
      writeFileSync(join(folder, "weights.bin"), new Uint8Array(Float32Array.of(1, 2, 3, 4, 10, 20).buffer))
      for (const ownWeights of [[], ["products"]]) {
        const serialised = serialise(program(), { ownWeights })
        const { graph } = fromBinary(ModelProtoSchema, serialised.model)
        const body = graph?.node.find(({ opType }) => opType === "Loop")?.attribute.find(({ g }) => g !== undefined)?.g
        expect(names(graph)).toEqual(["w", "bias", "scale"])
        expect(names(body)).toEqual(ownWeights.map((owner) => `w of ${owner}`))
        const session = yield* (yield* Sessions).open(serialised, { device: "cpu", weights: folder })
        const { y } = yield* session.run({ feeds: { x: float32([1, 2], [1, 1]) }, fetch: ["y"] })
        // W (1, 1) = (3, 7); W (3, 7) = (17, 37); W (17, 37) = (91, 199).
        for (const [at, expected] of [192, 418].entries()) expect(toNumbers(y)[at]).toBeCloseTo(expected, 3)
      }
    }))

  it.effect("a weight that only bodies read is theirs alone", () =>
    Effect.sync(() => {
      const powers = graph("powers")
      const x = input(powers, "x", "float32", ["rows", 2])
      const w = parameter(powers, "w", "float32", [2, 2], { location: "weights.bin", offset: 0, length: 16 })
      const body = (_: unknown, { x: state }: { readonly x: typeof x }) => ({ state: { x: linear(state, w) } })
      output("y", loop({ name: "products", trips: 2, state: { x }, body }).state.x)
      expect(names(fromBinary(ModelProtoSchema, serialise(powers).model).graph)).toEqual(["w"])
      const own = serialise(powers, { ownWeights: ["products"] })
      expect(names(fromBinary(ModelProtoSchema, own.model).graph)).toEqual([])
    }))
})
