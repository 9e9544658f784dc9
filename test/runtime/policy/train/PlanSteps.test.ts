import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { defaultLimits } from "../../../../runtime/policy/Batches.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import { microBatch, shapeOf } from "../../../../runtime/policy/train/MicroBatch.ts"
import type { Objective, TrainItem } from "../../../../runtime/policy/train/Objective.ts"
import { planRuns, planStep } from "../../../../runtime/policy/train/PlanSteps.ts"

const config: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 400,
  hiddenSize: 128,
  intermediateSize: 344,
  layers: 4,
  heads: 4,
  keyValueHeads: 4,
  headSize: 32,
  contextLength: 512,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: true,
  initializerRange: 0.02
}

/** A sequence whose tokens tell which it is. */
const sequence = (prompt: number, response: number, token = 7) => ({
  prompt: new Int32Array(prompt).fill(token),
  response: new Int32Array(response).fill(token)
})

const nllItem = (prompt: number, response: number, token?: number): TrainItem => ({
  sequences: [sequence(prompt, response, token)],
  values: { weight: [1] }
})

const pair = (lengths: ReadonlyArray<readonly [number, number]>): TrainItem => ({
  sequences: lengths.map(([prompt, response], index) => sequence(prompt, response, 10 + index)),
  values: { reference: lengths.map((_, index) => -1 - index), margin: 0.5, weight: 1 }
})

const plan = (items: ReadonlyArray<TrainItem>, tokens: number, objective: Objective = weightedNll, index = 0) =>
  planStep({ config, objective, recompute: false }, items, index, { ...defaultLimits, tokens })

const Length = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
const Items = Schema.Array(Schema.Tuple([Length, Length]))

describe("the plan of a step", () => {
  it.prop(
    "has every item in one micro-batch, padded no further than the limit unless one item is larger by itself",
    [Items, Schema.Int.check(Schema.isBetween({ minimum: 16, maximum: 2000 }))],
    ([lengths, tokens]) => {
      const items = lengths.map(([prompt, response]) => nllItem(prompt, response))
      const { batches } = plan(items, tokens)
      expect(new Set(batches.flatMap(({ items }) => items))).toEqual(new Set(items))
      expect(batches.reduce((sum, { items }) => sum + items.length, 0)).toBe(items.length)
      for (const { items, shape } of batches) {
        const longest = Math.max(
          ...items.map(({ sequences: [one] }) => (one?.prompt.length ?? 0) + (one?.response.length ?? 0))
        )
        expect(shape.items).toBe(items.length)
        // Rounding up adds a sixteenth at most.
        if (items.length > 1) expect(shape.length * items.length).toBeLessThanOrEqual(tokens * 17 / 16)
        expect(shape.length).toBeGreaterThanOrEqual(longest - 1)
        expect(shape.length).toBeLessThanOrEqual((longest - 1) * 17 / 16 + 1)
      }
    }
  )

  it.prop("depends on the step alone", [Items, Items], ([own, others]) => {
    const items = own.map(([prompt, response]) => nllItem(prompt, response))
    const alone = plan(items, 300)
    const among = [others.map(([prompt, response]) => nllItem(prompt, response)), items].map((step, index) =>
      plan(step, 300, weightedNll, index)
    )
    expect(among[1]?.batches).toEqual(alone.batches)
  })

  it("counts all sequences of an item, those it lacks too", () => {
    const items = [pair([[10, 10], [10, 90]]), pair([[10, 20], [10, 90]])]
    expect(plan(items, 400, dpo({ beta: 1 })).batches.map(({ items }) => items.length)).toEqual([2])
    expect(plan(items, 200, dpo({ beta: 1 })).batches.map(({ items }) => items.length)).toEqual([1, 1])
  })
})

describe("the tensors of a micro-batch", () => {
  it("hold prompts and responses, and where each response token is predicted", () => {
    const items = [
      { sequences: [{ prompt: Int32Array.of(1, 2), response: Int32Array.of(3, 4, 5) }], values: { weight: [0.5] } },
      { sequences: [{ prompt: Int32Array.of(6), response: Int32Array.of(7) }], values: { weight: [2] } }
    ]
    const batch = microBatch(weightedNll, items, { items: 2, length: 5, predictions: 6 }, 99)
    expect(batch["tokens"]).toEqual({
      dtype: "int32",
      dims: [2, 1, 5],
      data: Int32Array.of(1, 2, 3, 4, 99, 6, 99, 99, 99, 99)
    })
    expect(batch["positions"]?.data).toEqual(Int32Array.of(1, 2, 3, 5, 0, 0))
    expect(batch["targets"]?.data).toEqual(Int32Array.of(3, 4, 5, 7, 0, 0))
    expect(batch["sequence"]?.data).toEqual(Int32Array.of(0, 0, 0, 1, -1, -1))
    expect(batch["weight"]).toEqual({ dtype: "float32", dims: [2, 1], data: Float32Array.of(0.5, 2) })
  })

  it("read the last token alone where the objective does, response and all", () => {
    const items = [pair([[2, 3], [1, 1]])]
    const batch = microBatch(bradleyTerry(), items, shapeOf(bradleyTerry(), items), 99)
    expect(batch["tokens"]).toEqual({
      dtype: "int32",
      dims: [1, 2, 5],
      data: Int32Array.of(10, 10, 10, 10, 10, 11, 11, 99, 99, 99)
    })
    expect(batch["positions"]?.data).toEqual(Int32Array.of(4, 6))
    expect(batch["sequence"]?.data).toEqual(Int32Array.of(0, 1))
    expect([batch["margin"]?.dims, batch["margin"]?.data]).toEqual([[1], Float32Array.of(0.5)])
  })

  it("leave the sequences that an item lacks empty, and their values 0", () => {
    const items = [pair([[1, 1]]), pair([[1, 1], [1, 2]])]
    const batch = microBatch(dpo({ beta: 1 }), items, { items: 3, length: 2, predictions: 4 }, 0)
    expect(batch["sequence"]?.data).toEqual(Int32Array.of(0, 2, 3, 3))
    expect(batch["reference"]?.data).toEqual(Float32Array.of(-1, 0, -1, -2, 0, 0))
    expect(batch["weight"]?.data).toEqual(Float32Array.of(1, 1, 0))
  })

  it.prop(
    "predict each response token from the token before it, whatever the lengths",
    [Schema.Array(Schema.Tuple([Length, Length])).check(Schema.isMinLength(1))],
    ([lengths]) => {
      let next = 1
      const count = (size: number) => Int32Array.from({ length: size }, () => next++)
      const items = lengths.map(([prompt, response]): TrainItem => ({
        sequences: [{ prompt: count(prompt), response: count(response) }],
        values: { weight: [1] }
      }))
      const { positions, sequence, targets, tokens } = microBatch(weightedNll, items, shapeOf(weightedNll, items), 0)
      const real = Array.from(sequence?.data ?? [], Number).flatMap((row, index) => row < 0 ? [] : [index])
      // Tokens count up, so that the one before a target is one less.
      for (const index of real) {
        expect(Number(tokens?.data[Number(positions?.data[index])])).toBe(Number(targets?.data[index]) - 1)
      }
      expect(real.map((index) => Number(targets?.data[index]))).toEqual(
        items.flatMap(({ sequences }) => sequences.flatMap(({ response }) => [...response]))
      )
    }
  )
})

describe("the runs of a training", () => {
  const steps = (lengths: ReadonlyArray<number>, tokens = 4096) =>
    lengths.map((length, index) => plan([nllItem(1, length), nllItem(1, length)], tokens, weightedNll, index))
  const sizes = (...given: Parameters<typeof planRuns>) => planRuns(...given).map((run) => run.length)

  it("group neighbours of equal shapes, and only those", () => {
    expect(sizes(config, steps([8, 8, 8, 100, 8, 8]))).toEqual([3, 1, 2])
  })

  it("leave steps of several micro-batches alone", () => {
    expect(sizes(config, steps([8, 8, 8], 10))).toEqual([1, 1, 1])
  })

  it("end after so many steps, and when they have worked enough", () => {
    expect(sizes(config, steps(Array(10).fill(8)), 4)).toEqual([4, 4, 2])
    expect(sizes(config, steps(Array(40).fill(8)))).toEqual([16, 16, 8])
    const large = { ...config, layers: 400 }
    expect(Math.max(...sizes(large, steps(Array(10).fill(200))))).toBeLessThan(4)
  })

  it.prop("hold every step once, in order", [Schema.Array(Length)], ([lengths]) => {
    expect(planRuns(config, steps(lengths)).flat().map(({ index }) => index)).toEqual(lengths.map((_, index) => index))
  })
})
