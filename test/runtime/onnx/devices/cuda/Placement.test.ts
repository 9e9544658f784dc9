/** The rules that placeOnCuda follows, each on a small program. What onnxruntime itself says of these is in place.py's reach. */
import { describe, expect, it } from "@effect/vitest"
import { constant, emit, type Graph, graph, input, output, type Tensor } from "../../../../../runtime/onnx/Graph.ts"
import { add, mul, sub } from "../../../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../../../runtime/onnx/ops/Control.ts"
import { gather } from "../../../../../runtime/onnx/ops/Index.ts"
import { concat, sliceAt } from "../../../../../runtime/onnx/ops/Join.ts"
import { reshape } from "../../../../../runtime/onnx/ops/Layout.ts"
import { dimension } from "../../../../../runtime/onnx/ops/Shape.ts"
import { int64 } from "../../../../../runtime/onnx/TensorData.ts"
import { hasKernel, isProbed, version } from "./CudaKernels.ts"
import { placeOnCuda } from "./Placement.ts"

const program = (build: (x: Tensor, indices: Tensor) => Tensor): Graph => {
  const made = graph("example")
  output("y", build(input(made, "x", "float32", ["n", "m"]), input(made, "indices", "int64", ["n"])))
  return made
}

/** [copies, values fed from outside] of each graph, each as "direction op-or-name". */
const copiesOf = (made: Graph) =>
  placeOnCuda(made).map(({ copies, fed }) =>
    [copies, fed].map((list) =>
      list.map(({ direction, tensor }) => `${direction} ${tensor.producer?.op ?? tensor.name}`)
    )
  )

describe("the kernel list", () => {
  it("is of the onnxruntime that gemflow runs on", async () => {
    const { default: manifest } = await import("onnxruntime-node/package.json", { with: { type: "json" } })
    expect(version).toBe(manifest.version)
  })

  it("tells types apart", () => {
    const pad = (x: Tensor) =>
      emit({
        op: "Pad",
        inputs: [x, constant(x.graph, int64([2], [1, 1]))],
        dtype: x.dtype,
        shape: x.shape
      })
    const made = program((x, indices) => {
      pad(x)
      return pad(indices)
    })
    const [floats, integers] = made.nodes
    expect(floats && hasKernel(floats)).toBe(true)
    expect(floats && isProbed(floats)).toBe(true)
    // Why `pad` makes a Concat of integers.
    expect(integers && hasKernel(integers)).toBe(false)
  })
})

describe("placement", () => {
  it("leaves shape arithmetic to the host, without copies", () => {
    const made = program((x) => reshape(x, ["m", "n"]))
    expect(copiesOf(made)).toEqual([[[], []]])
    expect(placeOnCuda(made)[0]?.onCpu.map(({ op }) => op)).toEqual(["Concat"])
  })

  it("copies where the device reads what the host computed", () => {
    // The count of rows, taken off each index.
    const made = program((x, indices) => sub(add(indices, indices), mul(dimension(x.graph, "m"), 2)))
    expect(copiesOf(made)).toEqual([[["from host Mul"], []]])
  })

  it("copies where the host reads what the device computed", () => {
    const made = program((x, indices) => {
      const start = gather(indices, constant(x.graph, int64([], [0])))
      return sliceAt(x, 0, start, 1)
    })
    expect(copiesOf(made)[0]?.[0]?.filter((copy) => copy.startsWith("to host"))).not.toEqual([])
  })

  it("puts dimensions from outside a loop together with those of its body on the host", () => {
    const made = program((x) =>
      loop({
        trips: 3,
        state: { x },
        shapes: { x: ["rows", "m"] },
        body: (_, state) => ({ state: { x: reshape(concat([state.x, x], 0), ["rows+n", "m"]) } })
      }).state.x
    )
    expect(copiesOf(made)).toEqual([[[], []], [[], []]])
  })

  it("counts what is fed to a body in every iteration", () => {
    const made = program((_, indices) =>
      loop({
        trips: 3,
        state: { indices },
        body: (iteration, state) => ({ state: { indices: add(state.indices, iteration) } })
      })
        .state.indices
    )
    expect(copiesOf(made)).toEqual([[[], []], [[], ["from host loop/iteration"]]])
    const counted = program((x, indices) =>
      loop({
        trips: 3,
        state: { indices },
        body: (_, state) => ({ state: { indices: add(state.indices, mul(dimension(x.graph, "m"), 1)) } })
      }).state.indices
    )
    expect(copiesOf(counted)[1]).toEqual([[], ["from host Mul"]])
  })

  it("copies a constant that host and device share in a body", () => {
    const zeroOf = (use: "shape" | "data") =>
      program((x, indices) =>
        loop({
          trips: 3,
          state: { indices },
          body: (_, state) => {
            const zero = constant(x.graph, int64([1], [0]), use)
            return { state: { indices: sliceSame(add(state.indices, zero)) } }
          }
        }).state.indices
      )
    const sliceSame = (x: Tensor) => sub(add(x, 0), mul(reshape(sliceFirst(x), [1]), 0))
    const sliceFirst = (x: Tensor) => sliceAt(x, 0, constant(x.graph, int64([], [0])), 1)
    expect(copiesOf(zeroOf("data"))[1]?.[0]).toEqual([])
    expect(copiesOf(zeroOf("shape"))[1]?.[0]).toEqual(["from host constant_1"])
  })

  it("leaves what reads a host value and the program's own inputs to the host", () => {
    const made = program((x, indices) => sub(indices, mul(dimension(x.graph, "m"), 2)))
    expect(copiesOf(made)).toEqual([[[], []]])
    expect(placeOnCuda(made)[0]?.onCpu.map(({ op }) => op)).toEqual(["Mul", "Sub"])
  })
})
