import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readHeader } from "../../../../artifacts/Safetensors.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { readWeights } from "../../../../runtime/policy/checkpoint/WeightFile.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest, TrainStep } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath, largestDifference, names, reference, sequences } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-policy-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const request = (name: string): TrainRequest => {
  const { training } = reference(name)
  const all = items(name)
  return {
    ...training,
    objective: weightedNll,
    steps: training.steps.map(({ batch }) => batch.flatMap((index) => all[index] ?? []))
  }
}

const items = (name: string) => sequences(reference(name)).map(weightedItem)

const weightsOf = Effect.fnUntraced(function*(path: string) {
  const weights = yield* readWeights(yield* readHeader(path))
  return new Map([...weights].map(([name, value]) => [name, toNumbers(value)]))
})

layer(Sessions.layer)("train", (it) => {
  describe.each(names)("%s", (name) => {
    it.effect("ten steps give the losses, gradient norms and weights of PyTorch's AdamW with clipping", () =>
      Effect.gen(function*() {
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        const expected = reference(name).training.steps
        const seen: Array<TrainStep> = []
        const { save, steps } = yield* policy.train({
          ...request(name),
          onStep: (step) => Effect.sync(() => seen.push(step))
        })
        expect(steps.length).toBe(10)
        expect(seen).toEqual(steps)
        steps.forEach(({ gradNorm, learningRate, loss }, index) => {
          const step = expected[index]
          expect(learningRate).toBeCloseTo(step?.learningRate ?? 0, 10)
          expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(2e-5)
          expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(2e-5)
        })
        const directory = join(yield* temporary, "trained")
        yield* save(directory)
        const trained = yield* weightsOf(join(directory, "model.safetensors"))
        const torch = yield* weightsOf(join(checkpointPath(name), "expected-trained.safetensors"))
        expect([...trained.keys()].toSorted()).toEqual([...torch.keys()].toSorted())
        for (const [tensor, values] of torch) {
          expect([tensor, largestDifference(trained.get(tensor) ?? [], values) < 1e-4]).toEqual([tensor, true])
        }
      }))

    it.effect("gradients are PyTorch's", () =>
      Effect.gen(function*() {
        const { gradient } = reference(name)
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        // One step with betas 0 and a large epsilon moves each weight by rate * g / (|g| + epsilon), about rate / epsilon * g.
        const epsilon = 1e6
        const { save, steps } = yield* policy.train({
          ...request(name),
          steps: [items(name)],
          learningRate: epsilon,
          schedule: "constant",
          warmupSteps: 0,
          weightDecay: 0,
          clip: 1e9,
          betas: [0, 0],
          epsilon
        })
        expect(Math.abs((steps[0]?.loss ?? 0) / gradient.loss - 1)).toBeLessThan(1e-5)
        expect(Math.abs((steps[0]?.gradNorm ?? 0) / gradient.norm - 1)).toBeLessThan(1e-5)
        const directory = join(yield* temporary, "stepped")
        yield* save(directory)
        const before = yield* weightsOf(join(checkpointPath(name), "model.safetensors"))
        const after = yield* weightsOf(join(directory, "model.safetensors"))
        for (
          const [tensor, expected] of yield* weightsOf(join(checkpointPath(name), "expected-gradients.safetensors"))
        ) {
          const moved = before.get(tensor)?.map((value, index) => value - (after.get(tensor)?.[index] ?? 0)) ?? []
          const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
          expect([tensor, largestDifference(moved, expected) < 1e-4 * largest]).toEqual([tensor, true])
        }
      }))
  })

  const name = "untied-gqa"

  it.effect("steps too large for a batch are summed over several, with the same result", () =>
    Effect.gen(function*() {
      const whole = yield* (yield* openPolicy(checkpointPath(name), "cpu")).train(request(name))
      const parts = yield* (yield* openPolicy(checkpointPath(name), "cpu", { tokens: 20 })).train(request(name))
      parts.steps.forEach(({ gradNorm, loss, tokens }, index) => {
        const step = whole.steps[index]
        expect(tokens).toBe(step?.tokens)
        expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-4)
        expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
      })
    }))

  it.effect("layers computed again in the backward pass give the same numbers", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const kept = yield* policy.train(request(name))
      const recomputed = yield* policy.train({ ...request(name), recompute: true })
      recomputed.steps.forEach(({ gradNorm, loss }, index) => {
        const step = kept.steps[index]
        expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-5)
        expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-5)
      })
    }))

  it.effect("training twice gives the same weights, bit for bit", () =>
    Effect.gen(function*() {
      const parent = yield* temporary
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const [one, two] = [yield* policy.train(request(name)), yield* policy.train(request(name))]
      expect(two.steps).toEqual(one.steps)
      yield* one.save(join(parent, "one"))
      yield* two.save(join(parent, "two"))
      const bytes = (directory: string) => readFileSync(join(parent, directory, "model.safetensors"))
      expect(bytes("two").equals(bytes("one"))).toBe(true)
    }))

  it.effect("padding and company of a sequence do not change its gradient, nor do sequences of weight 0", () =>
    Effect.gen(function*() {
      const all = sequences(reference(name))
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const once = { ...request(name), steps: [all.slice(1, 2).map(weightedItem)] }
      const alone = yield* policy.train(once)
      const accompanied = yield* policy.train({
        ...once,
        steps: [
          all.map((sequence, index) =>
            weightedItem(index === 1 ? sequence : { ...sequence, weight: index === 2 ? 1e-30 : 0 })
          )
        ]
      })
      expect(accompanied.steps[0]?.loss).toBeCloseTo(alone.steps[0]?.loss ?? Number.NaN, 5)
      expect(accompanied.steps[0]?.gradNorm).toBeCloseTo(alone.steps[0]?.gradNorm ?? Number.NaN, 4)
    }))

  it.effect("a saved policy opens again and scores as the trained weights do; its other files are unchanged", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const directory = join(yield* temporary, "trained")
      const { save } = yield* policy.train({ ...request(name), steps: [] })
      yield* save(directory)
      const again = join(yield* temporary, "again")
      yield* (yield* (yield* openPolicy(directory, "cpu")).train({ ...request(name), steps: [] })).save(again)
      for (const file of readdirSync(directory)) {
        expect([file, readFileSync(join(again, file))]).toEqual([file, readFileSync(join(directory, file))])
      }
      for (const file of ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"]) {
        expect(readFileSync(join(directory, file))).toEqual(readFileSync(join(checkpointPath(name), file)))
      }
      const source = yield* openCheckpoint(checkpointPath(name))
      const saved = yield* openCheckpoint(directory)
      expect(saved.configText).toBe(source.configText)
      expect(yield* saved.load).toEqual(yield* source.load)
    }))

  it.effect("weights of another type are saved as float32, and the config says so", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("tied-bf16"), "cpu")
      const directory = join(yield* temporary, "saved")
      yield* (yield* policy.train({ ...request("tied-bf16"), steps: [] })).save(directory)
      const source = yield* openCheckpoint(checkpointPath("tied-bf16"))
      const saved = yield* openCheckpoint(directory)
      expect(saved.configText).toBe(source.configText.replace("bfloat16", "float32"))
      expect(saved.configText).not.toBe(source.configText)
      expect(yield* saved.load).toEqual(yield* source.load)
      const { tensors } = yield* readHeader(join(directory, "model.safetensors"))
      expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(["F32"]))
    }))

  it.effect("training leaves the open policy as it was, and the saved one scores its sequences differently", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const all = sequences(reference(name))
      const before = yield* policy.score({ sequences: all })
      const { save } = yield* policy.train(request(name))
      expect(yield* policy.score({ sequences: all })).toEqual(before)
      const directory = join(yield* temporary, "trained")
      yield* save(directory)
      const after = yield* (yield* openPolicy(directory, "cpu")).score({ sequences: all })
      expect(largestDifference(after[0]?.logProbs ?? [], before[0]?.logProbs ?? [])).toBeGreaterThan(0.01)
    }))

  it.effect("a loss that is not finite stops training, names the step, and saves nothing", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const [first] = sequences(reference(name))
      const step = (weight: number) => first === undefined ? [] : [weightedItem({ ...first, weight })]
      const error = yield* Effect.flip(policy.train({ ...request(name), steps: [step(1), step(1), step(1e39)] }))
      expect(error.message).toMatch(/training stopped at step 3 of 3: the loss is (NaN|-?Infinity)/)
    }))

  it.effect("weights that the last update made infinite stop training, which no later loss would show", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const error = yield* Effect.flip(
        policy.train({
          ...request(name),
          steps: [items(name)],
          schedule: "constant",
          warmupSteps: 0,
          learningRate: 1e39
        })
      )
      expect(error.message).toMatch(/training stopped at step 1 of 1: the largest weight is -?(Infinity|NaN)/)
    }))

  it.effect("a request that cannot be served says where and why", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const long = { prompt: new Int32Array(60).fill(7), response: new Int32Array(5).fill(8), weight: 1 }
      const failing = (partial: Partial<TrainRequest>) => Effect.flip(policy.train({ ...request(name), ...partial }))
      expect((yield* failing({ steps: [[weightedItem(long)]] })).message).toContain(
        "steps[0][0] has 65 tokens, more than the context of 64"
      )
      expect((yield* failing({ steps: [[]] })).message).toContain("steps[0] is empty")
      expect((yield* failing({ steps: [[weightedItem({ ...long, prompt: new Int32Array(0) })]] })).message).toContain(
        "prompt is empty"
      )
      expect((yield* failing({ steps: [[weightedItem({ ...long, prompt: Int32Array.of(999) })]] })).message).toContain(
        "the token 999"
      )
      expect((yield* failing({ learningRate: Number.NaN })).message).toContain("learningRate is NaN")
    }))

  it.effect("saving where a directory with files is fails, and leaves it alone", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath(name), "cpu")
      const parent = yield* temporary
      const { save } = yield* policy.train({ ...request(name), steps: [] })
      yield* save(join(parent, "taken"))
      const error = yield* Effect.flip(save(join(parent, "taken")))
      expect(error.message).toContain("cannot be written")
      expect(readdirSync(parent)).toEqual(["taken"])
      expect(existsSync(join(parent, "taken", "config.json"))).toBe(true)
    }))
})
