import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { groupAdvantages } from "../../../nodes/advantage/GroupAdvantage.ts"
import { segaSteps, type WeightedCandidate } from "../../../nodes/update/SegaSteps.ts"
import { readFixture } from "../readFixture.ts"

const options = { batch_prompts: 128, epochs: 1, seed: 0, normalise: "none" } as const

/** A group of one prompt whose only token is `id`, a candidate per weight; the length of a response is its place. */
const group = (id: number, weights: ReadonlyArray<number>): ReadonlyArray<WeightedCandidate> =>
  weights.map((weight, index) => ({ prompt: Int32Array.of(id), response: new Int32Array(index + 1), weight }))

const idOf = ({ prompt }: WeightedCandidate) => prompt[0] ?? -1

describe("segaSteps", () => {
  it("weighs each candidate by w / (k Q), with k of its own prompt and Q of its own batch", () => {
    const [step = []] = segaSteps([group(0, [2, -2]), group(1, [3, 3, -6])], options)
    expect(step.filter((one) => idOf(one) === 0).map(({ weight }) => weight)).toEqual([2 / 4, -2 / 4])
    expect(step.filter((one) => idOf(one) === 1).map(({ weight }) => weight)).toEqual([3 / 6, 3 / 6, -6 / 6])
  })

  it("divides by the length of the response when asked to", () => {
    const [step = []] = segaSteps([group(0, [1, 1, -2])], { ...options, normalise: "token" })
    expect(step.map(({ weight }) => weight)).toEqual([1 / 3, 1 / 6, -2 / 9])
  })

  it("visits every prompt once per epoch, in another order each", () => {
    const groups = Array.from({ length: 7 }, (_, id) => group(id, [1, -1]))
    const steps = segaSteps(groups, { ...options, batch_prompts: 3, epochs: 2 })
    expect(steps.map(({ length }) => length)).toEqual([6, 6, 2, 6, 6, 2])
    const order = steps.flat().filter(({ weight }) => weight > 0).map(idOf)
    expect(order.slice(0, 7).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(order.slice(7).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(order.slice(7)).not.toEqual(order.slice(0, 7))
    // The last batch of an epoch has one prompt, so Q is 1 there.
    expect(steps[2]?.map(({ weight }) => weight)).toEqual([1 / 2, -1 / 2])
    expect(segaSteps(groups, { ...options, seed: 1 })).not.toEqual(segaSteps(groups, options))
  })

  it("leaves out what has no gradient, but counts it in k and Q", () => {
    const steps = segaSteps([group(0, [1, 0, -1]), group(1, [0, 0])], options)
    expect(steps.map((step) => step.map(({ weight }) => weight))).toEqual([[1 / 6, -1 / 6]])
    expect(segaSteps([group(0, [0, 0])], options)).toEqual([])
  })

  it("hands the policy weights whose loss and gradient are torch's of the SEGA formula", () => {
    const { gradient, groups, loss, table } = readFixture("sega", Fixture)
    const weighted = groups.map(({ responses, rewards }, prompt) => {
      const advantages = groupAdvantages(rewards, {
        mapping: "identity",
        softmax_temperature: 1,
        standardise: false,
        weight_scale: 1
      })
      return responses.map((response, index) => ({
        prompt: Int32Array.of(prompt),
        response: Int32Array.from(response),
        weight: advantages[index]?.weight ?? Number.NaN
      }))
    })
    const [step = []] = segaSteps(weighted, options)
    const toy = tabularLoss(table, step)
    expect(toy.loss).toBeCloseTo(loss, 12)
    expect(toy.gradient.length).toBe(gradient.length)
    for (const [row, values] of gradient.entries()) {
      for (const [column, value] of values.entries()) expect(toy.gradient[row]?.[column]).toBeCloseTo(value, 12)
    }
  })
})

const Matrix = Schema.Array(Schema.Array(Schema.Finite))
const Fixture = Schema.Struct({
  table: Matrix,
  groups: Schema.Array(Schema.Struct({ rewards: Schema.Array(Schema.Finite), responses: Matrix })),
  loss: Schema.Finite,
  gradient: Matrix
})

/**
 * What `policy.train` minimises, -sum_i weight_i sum_t log pi(a_it), and its gradient, for a policy whose next token depends
 * on the prompt alone: log pi(a | q) = log softmax(table[q])[a], so d/dz_x log pi(a | q) = 1[x = a] - softmax(z)_x.
 */
const tabularLoss = (table: ReadonlyArray<ReadonlyArray<number>>, sequences: ReadonlyArray<WeightedCandidate>) => {
  const gradient = table.map((row) => row.map(() => 0))
  let loss = 0
  for (const { prompt: [q = 0], response, weight } of sequences) {
    const logits = table[q] ?? []
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
    for (const token of response) {
      loss -= weight * ((logits[token] ?? Number.NaN) - Math.log(total))
      gradient[q] = (gradient[q] ?? []).map((value, x) =>
        value - weight * ((x === token ? 1 : 0) - Math.exp(logits[x] ?? 0) / total)
      )
    }
  }
  return { loss, gradient }
}
