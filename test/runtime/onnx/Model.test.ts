import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { NodeFileSystem } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Layer } from "effect"
import { constant, graph, input, output, parameter } from "../../../runtime/onnx/Graph.ts"
import { serialise } from "../../../runtime/onnx/Model.ts"
import { add, exp, mul, neg } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { ModelProtoSchema } from "../../../runtime/onnx/proto/onnx_pb.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { float32, toNumbers } from "../../../runtime/onnx/TensorData.ts"

const decode = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes)

layer(Layer.mergeAll(Sessions.layer, NodeFileSystem.layer))("a model", (it) => {
  it("survives the way to bytes and back, byte for byte", () => {
    const program = graph("round trip")
    const x = input(program, "x", "float32", ["batch", 2])
    const { state } = loop({ trips: 2, state: { x }, body: (_, { x }) => ({ state: { x: mul(x, 2) } }) })
    output("y", state.x)
    const { model } = serialise(program)
    const read = decode(model)
    expect(toBinary(ModelProtoSchema, read)).toEqual(model)
    expect(read.irVersion).toBe(10n)
    expect(read.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 21n]])
    expect(read.graph?.input[0]?.type?.tensorType?.shape?.dim.map(({ value }) => value.value)).toEqual(["batch", 2n])
    const body = read.graph?.node[0]?.attribute[0]?.g
    expect(body?.node.map(({ opType }) => opType)).toEqual(["Mul", "Identity"])
  })

  it("keeps only what its outputs need", () => {
    const program = graph("pruned")
    const x = input(program, "x", "float32", [2])
    exp(add(x, constant(program, float32([2], [1, 2]))))
    output("y", neg(x))
    const read = decode(serialise(program).model)
    expect(read.graph?.node.map(({ opType }) => opType)).toEqual(["Neg"])
    expect(read.graph?.initializer).toEqual([])
  })

  it.effect("gives a value under several names, and inputs as outputs", () =>
    Effect.gen(function*() {
      const program = graph("names")
      const x = input(program, "x", "float32", [1])
      const y = neg(x)
      output("once", y)
      output("twice", y)
      output("same", x)
      const session = yield* (yield* Sessions).open(serialise(program), { device: "cpu" })
      const values = yield* session.run({ feeds: { x: float32([1], [5]) }, fetch: ["once", "twice", "same"] })
      expect([values.once, values.twice, values.same].map((value) => toNumbers(value))).toEqual([[-5], [-5], [5]])
    }).pipe(Effect.scoped))

  it.effect("reads weights from a file beside it", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      yield* files.writeFile(`${folder}/weights.bin`, new Uint8Array(Float32Array.from([9, 9, 1, 2, 3]).buffer))
      const program = graph("external")
      const x = input(program, "x", "float32", [3])
      const source = { location: "weights.bin", offset: 8, length: 12 }
      output("y", add(x, parameter(program, "w", "float32", [3], source)))
      const model = serialise(program)
      const session = yield* (yield* Sessions).open(model, { device: "cpu", weights: folder })
      const { y } = yield* session.run({ feeds: { x: float32([3], [10, 20, 30]) }, fetch: ["y"] })
      expect(toNumbers(y)).toEqual([11, 22, 33])

      yield* files.writeFile(`${folder}/weights.bin`, new Uint8Array(8))
      const error = yield* Effect.flip((yield* Sessions).open(model, { device: "cpu", weights: folder }))
      expect(error.message).toContain("cannot open the program external on cpu")
      expect(error.message).toContain("Check that the weights file is complete and in the folder given as `weights`")
    }).pipe(Effect.scoped))
})
