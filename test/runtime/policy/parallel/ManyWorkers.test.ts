import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Places } from "../../../../runtime/onnx/Place.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { dpo } from "../../../../runtime/policy/loss/Dpo.ts"
import { preferenceItems } from "../../../../runtime/policy/loss/Preference.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { Prompt, TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { reference, sequences } from "../reference.ts"
import { checkpoint, mixed, step, temporary, trainAnew } from "../train/trainingRequests.ts"

const one: Places = "cpu"
const two: Places = ["cpu", "cpu"]
const three: Places = ["cpu", "cpu", "cpu"]
const four: Places = ["cpu", "cpu", "cpu", "cpu"]

const prompts = Array.from({ length: 9 }, (_, index): Prompt => ({
  id: `prompt ${index}`,
  tokens: Int32Array.from({ length: 3 + 2 * index }, (_, position) => 3 + (29 * index + 13 * position) % 270)
}))

/** Ten steps of two to five items, without the rate at which weights of both signs cancel to a loss near zero. */
const tenSteps: TrainRequest = {
  ...mixed,
  learningRate: 0.001,
  steps: Array.from({ length: 10 }, (_, index) => step(...[0, 1, 2, 3, 4].slice(index % 4)))
}

layer(Sessions.layer)("several workers", (it) => {
  it.effect("sample what one samples, and tell how far all are", () =>
    Effect.gen(function*() {
      const sample = Effect.fnUntraced(function*(places: Places) {
        const policy = yield* openPolicy(checkpoint, places, { rows: 4, runTokens: 8 })
        const told: Array<number> = []
        const made = yield* policy.generate({
          prompts,
          candidates: 3,
          temperature: 1,
          topP: 0.9,
          maxNewTokens: 24,
          seed: 11,
          onProgress: (done, total) => Effect.sync(() => told.push(done / total))
        })
        expect(told.at(-1)).toBe(1)
        expect(told).toEqual(told.toSorted((a, b) => a - b))
        return made.map(({ candidate, finished, promptId, tokens }) => ({ candidate, finished, promptId, tokens }))
      }, Effect.scoped)
      const alone = yield* sample(one)
      expect(alone.map(({ candidate, promptId }) => `${promptId}:${candidate}`)).toEqual(
        prompts.flatMap(({ id }) => [0, 1, 2].map((candidate) => `${id}:${candidate}`))
      )
      expect(yield* sample(four)).toEqual(alone)
    }))

  it.effect("score as one scores", () =>
    Effect.gen(function*() {
      const score = Effect.fnUntraced(function*(places: Places) {
        const policy = yield* openPolicy(checkpoint, places, { tokens: 40 })
        return yield* policy.score({ sequences: sequences(reference("untied-gqa")) })
      }, Effect.scoped)
      expect(yield* score(three)).toEqual(yield* score(one))
    }))

  it.effect("train as one trains, to 1e-5 of each loss", () =>
    Effect.gen(function*() {
      const alone = yield* trainAnew(tenSteps)
      for (const places of [two, three]) expectNear((yield* trainAnew(tenSteps, { places })).steps, alone.steps)
    }))

  it.effect("train an adapter as one trains it", () =>
    Effect.gen(function*() {
      const { config } = yield* openPolicy(checkpoint, "cpu")
      const modules = linearModules(config, ["q_proj", "down_proj"])
      const adapter = { rank: 2, alpha: 4, rankStabilised: false, dropout: 0, modules }
      const options = { file: "adapter_model.safetensors" }
      const alone = yield* trainAnew({ ...tenSteps, adapter }, options)
      for (const places of [two, three]) {
        expectNear((yield* trainAnew({ ...tenSteps, adapter }, { ...options, places })).steps, alone.steps)
      }
    }))

  it.effect("add up metrics of preference pairs", () =>
    Effect.gen(function*() {
      const all = sequences(reference("untied-gqa"))
      const pair = (chosen: number, rejected: number) => {
        const [first, second] = [all[chosen], all[rejected]]
        if (first === undefined || second === undefined) throw new Error("no such sequence")
        return { chosen: first, rejected: second, reference: { chosen: -20, rejected: -30 } }
      }
      const items = preferenceItems([pair(0, 1), pair(2, 3), pair(4, 0)])
      const request = { ...mixed, objective: dpo({ beta: 0.1 }), steps: [items, items] }
      const alone = (yield* trainAnew(request, { tokens: 4096 })).steps
      const several = (yield* trainAnew(request, { tokens: 4096, places: three })).steps
      expectNear(several, alone)
      for (const [index, { metrics }] of several.entries()) {
        expect(Object.keys(metrics)).toContain("rewards/accuracies")
        for (const [name, value] of Object.entries(metrics)) {
          expect(value).toBeCloseTo(alone[index]?.metrics[name] ?? NaN, 4)
        }
      }
    }))

  it.effect("continue a training that was stopped, bit for bit", () =>
    Effect.gen(function*() {
      const whole = yield* trainAnew(mixed, { places: two })
      const resume = { directory: yield* temporary, everySteps: 1 }
      const stop: TrainRequest["onStep"] = ({ step }) => step === 4 ? Effect.interrupt : Effect.void
      yield* trainAnew({ ...mixed, resume, onStep: stop }, { places: two }).pipe(Effect.exit)
      const seen: Array<number> = []
      const onStep: TrainRequest["onStep"] = ({ step }) => Effect.sync(() => seen.push(step))
      const resumed = yield* trainAnew({ ...mixed, resume, onStep }, { places: two })
      expect(seen).toEqual([4, 5, 6])
      expect(resumed.steps).toEqual(whole.steps)
      expect(resumed.bytes.equals(whole.bytes)).toBe(true)
    }))

  it.effect("are of one kind", () =>
    Effect.gen(function*() {
      expect((yield* openPolicy(checkpoint, ["cpu", "cuda:0"]).pipe(Effect.flip)).message).toBe(
        "open: devices are of different kinds (cpu, cuda:0). Give one device, or several of one kind: cpu, cpu or cuda:0, "
          + "cuda:1."
      )
      expect((yield* openPolicy(checkpoint, []).pipe(Effect.flip)).message).toContain("names none")
    }))
})

/** Losses and gradient norms within 1e-5 of their size. */
const expectNear = (
  some: ReadonlyArray<{ readonly loss: number; readonly gradNorm: number; readonly tokens: number }>,
  others: ReadonlyArray<{ readonly loss: number; readonly gradNorm: number; readonly tokens: number }>
) => {
  expect(some.map(({ tokens }) => tokens)).toEqual(others.map(({ tokens }) => tokens))
  for (const [index, { gradNorm, loss }] of some.entries()) {
    const other = others[index]
    expect(Math.abs(loss / (other?.loss ?? 0) - 1)).toBeLessThan(1e-5)
    expect(Math.abs(gradNorm / (other?.gradNorm ?? 0) - 1)).toBeLessThan(1e-5)
  }
}
