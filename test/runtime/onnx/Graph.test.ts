import { describe, expect, it } from "@effect/vitest"
import { constant, emit, graph, input, output, parameter } from "../../../runtime/onnx/Graph.ts"
import { GraphError } from "../../../runtime/onnx/GraphError.ts"
import { add, exp, mul } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { scope } from "../../../runtime/onnx/Scope.ts"
import { float32 } from "../../../runtime/onnx/TensorData.ts"

describe("a graph", () => {
  it("names nodes by the scopes they were made in, each name once", () => {
    const program = graph("names")
    const x = input(program, "x", "float32", [2])
    const [a, b] = scope("layers.0", () => scope("attention", () => [exp(x), exp(x)]))
    expect([a?.name, b?.name]).toEqual(["layers.0/attention/Exp", "layers.0/attention/Exp_1"])
  })

  it("says where an op that does not fit was used", () => {
    const program = graph("errors")
    const x = input(program, "x", "float32", [2])
    const y = input(program, "y", "float32", [3])
    const attempt = () => scope("layers.0", () => scope("mlp", () => mul(x, y)))
    expect(attempt).toThrow(GraphError)
    expect(attempt).toThrow(
      "mul in layers.0/mlp: cannot broadcast [2] with [3]: 2 is not 3 (x: float32[2]; y: float32[3])"
    )
    expect(exp(x).name).toBe("Exp")
  })

  it("makes equal constants once", () => {
    const program = graph("constants")
    const [a, b] = [constant(program, float32([2], [1, 2])), constant(program, float32([2], [1, 2]))]
    expect(a).toBe(b)
    expect(constant(program, float32([1, 2], [1, 2]))).not.toBe(a)
  })

  it("refuses a name twice, weights outside their folder and weights of another size", () => {
    const program = graph("weights")
    const x = input(program, "x", "float32", [2])
    expect(() => input(program, "x", "float32", [2])).toThrow("input: the name x is taken")
    output("y", x)
    expect(() => output("y", x)).toThrow("output: there already is an output y (x: float32[2])")
    for (const location of ["../w.bin", "/etc/passwd", "a/../../w.bin"]) {
      expect(() => parameter(program, "w", "float32", [2], { location, offset: 0, length: 8 })).toThrow(
        `${location} is not a path inside the folder of the weights`
      )
    }
    expect(() => parameter(program, "w", "float32", [2], { location: "w.bin", offset: 0, length: 4 })).toThrow(
      "[2] of float32 takes 8 bytes, not 4"
    )
    expect(() => parameter(program, "w", "float32", [3], float32([2], [1, 2]))).toThrow(
      "[3] of float32 takes 12 bytes, not 8"
    )
  })

  it("takes sizes calculated from those of other inputs, and no others", () => {
    const program = graph("sizes")
    input(program, "tokens", "int64", ["batch", "length"])
    expect(input(program, "next", "int64", ["batch", "length-1"]).shape).toEqual(["batch", "length-1"])
    expect(() => input(program, "x", "float32", ["batch-size"])).toThrow(
      "input: x: batch-size calculates with size, which no input has had yet"
    )
  })

  it("refuses tensors of two programs", () => {
    const [one, two] = [input(graph("one"), "a", "float32", []), input(graph("two"), "b", "float32", [])]
    expect(() => add(one, two)).toThrow("b lives in two, which is not open here")
  })

  it("refuses ops of an opset that was not declared", async () => {
    const { serialise } = await import("../../../runtime/onnx/Model.ts")
    const program = graph("fused")
    const x = input(program, "x", "float32", [2])
    output("y", emit({ op: "QuickGelu", domain: "com.microsoft", inputs: [x], dtype: "float32", shape: [2] }))
    expect(() => serialise(program)).toThrow(
      "QuickGelu: is of the opset com.microsoft, whose version serialise(fused) was not given"
    )
    expect(serialise(program, { domains: { "com.microsoft": 1 } }).outputs).toEqual([{
      name: "y",
      dtype: "float32",
      shape: [2]
    }])
  })
})
