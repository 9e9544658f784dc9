import { describe, expect, it } from "@effect/vitest"
import { availableParallelism } from "node:os"
import { placesOf, threadsOf } from "../../../runtime/onnx/Place.ts"

describe("places", () => {
  it("give each mention of a device a worker of its own", () => {
    expect(placesOf("cuda:1")).toEqual([{ device: "cuda:1", worker: 0, workers: 1 }])
    expect(placesOf(["cpu", "cpu"])).toEqual([
      { device: "cpu", worker: 0, workers: 2 },
      { device: "cpu", worker: 1, workers: 2 }
    ])
    expect(placesOf(["cuda:0", "cuda:1"]).map(({ worker, workers }) => [worker, workers])).toEqual([[0, 1], [0, 1]])
  })

  it("keep a worker that is given", () => {
    const second = { device: "cpu", worker: 1, workers: 2 }
    expect(placesOf(second)).toEqual([second])
    expect(placesOf([second])).toEqual([second])
  })

  it("share the cores, one at least for each", () => {
    expect(threadsOf(1)).toBe(availableParallelism())
    expect(threadsOf(availableParallelism())).toBe(1)
    expect(threadsOf(10_000)).toBe(1)
  })
})
