import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { add, sub } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { type AdapterConfig, linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { VALUE_HEAD } from "../../../../runtime/policy/model/Heads.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import type { Objective } from "../../../../runtime/policy/train/Objective.ts"
import { adapterPath } from "../adapterReference.ts"
import { checkpointPath, reference, sequences } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-adapter-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const base = checkpointPath("llama3")
const items = sequences(reference("llama3")).map(weightedItem)
const request: TrainRequest = {
  schedule: "constant",
  warmupSteps: 0,
  weightDecay: 0,
  clip: 1e9,
  objective: weightedNll,
  steps: [items, items, items],
  learningRate: 0.01,
  betas: [0.9, 0.999],
  epsilon: 1e-8
}
const form = (modules: ReadonlyArray<string>): AdapterConfig => ({
  rank: 4,
  alpha: 8,
  rankStabilised: false,
  dropout: 0,
  modules
})

layer(Sessions.layer)("a new adapter", (it) => {
  it.effect("starts as the base, follows its seed, lowers the loss, and is trained on where it stopped", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(base, "cpu")
      const adapter = form(linearModules(policy.config))
      const plain = yield* policy.train(request)
      const first = yield* policy.train({ ...request, adapter })
      const [again, other] = [
        yield* policy.train({ ...request, adapter }),
        yield* policy.train({ ...request, adapter, seed: 1 })
      ]
      const losses = first.steps.map(({ loss }) => loss)
      expect(Math.abs((losses[0] ?? 0) / (plain.steps[0]?.loss ?? 0) - 1)).toBeLessThan(1e-6)
      expect(losses[2]).toBeLessThan(losses[0] ?? 0)
      expect(again.steps).toEqual(first.steps)
      expect(other.steps[1]?.loss).not.toBe(losses[1])

      const directory = join(yield* temporary, "first")
      yield* first.save(directory)
      const adapted = yield* openPolicy(base, "cpu", { adapter: directory })
      const onward = yield* adapted.train(request)
      expect(onward.format).toBe("adapter")
      expect(onward.steps[0]?.loss).toBeLessThan(losses[2] ?? 0)
      expect((yield* adapted.train({ ...request, adapter })).steps).toEqual(onward.steps)
    }))

  it.effect("with dropout sees other inputs in each step, the same in a repetition, and none when it scores", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(base, "cpu")
      const adapter = form(linearModules(policy.config))
      const dropped = { ...request, adapter: { ...adapter, dropout: 0.5 } }
      const plain = yield* policy.train({ ...request, adapter })
      const first = yield* policy.train(dropped)
      // B is zero, so dropout cannot show in the first loss; in the gradient of B it does.
      expect(first.steps[0]?.loss).toBe(plain.steps[0]?.loss)
      expect(first.steps[0]?.gradNorm).not.toBe(plain.steps[0]?.gradNorm)
      expect((yield* policy.train(dropped)).steps).toEqual(first.steps)
      // A learning rate of 0 keeps the adapter: only the masks differ between the steps.
      const directory = join(yield* temporary, "dropped")
      yield* first.save(directory)
      const adapted = yield* openPolicy(base, "cpu", { adapter: directory })
      expect(adapted.adapter?.dropout).toBe(0.5)
      const still = yield* adapted.train({ ...request, learningRate: 0 })
      const losses = still.steps.map(({ loss }) => loss)
      expect(new Set(losses).size).toBe(3)
      const again = yield* adapted.train({ ...request, learningRate: 0, recompute: true })
      again.steps.forEach(({ loss, gradNorm }, index) => {
        expect(Math.abs(loss / (losses[index] ?? 0) - 1)).toBeLessThan(1e-5)
        expect(Math.abs(gradNorm / (still.steps[index]?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
      })
      const scored = yield* adapted.score({ sequences: sequences(reference("llama3")) })
      expect(yield* adapted.score({ sequences: sequences(reference("llama3")) })).toEqual(scored)
      const undropped = yield* adapted.train({ ...request, adapter, learningRate: 0 })
      expect(new Set(undropped.steps.map(({ loss }) => loss)).size).toBe(1)
    }))

  it.effect("keeps a value head beside it", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(base, "cpu")
      const adapter = form(linearModules(policy.config))
      const objective: Objective = {
        ...weightedNll,
        name: "with a value head",
        heads: ({ hiddenSize }) => ({ [VALUE_HEAD.weight]: [1, hiddenSize], [VALUE_HEAD.bias]: [1] }),
        loss: (forward, values) => {
          const { loss } = weightedNll.loss(forward, values)
          return { loss: add(loss, reduceSum(sub(forward.head(VALUE_HEAD.bias), 1))) }
        }
      }
      const trained = yield* policy.train({ ...request, adapter, objective })
      const directory = join(yield* temporary, "valued")
      yield* trained.save(directory)
      expect(readdirSync(directory)).toContain("value_head.safetensors")
      const adapted = yield* openPolicy(base, "cpu", { adapter: directory })
      const values = yield* adapted.values({ sequences: sequences(reference("llama3")).slice(0, 1) })
      // Three steps down the gradient 1 of its bias, the weight had none.
      for (const value of values[0] ?? []) expect(value).toBeCloseTo(-0.03, 4)
    }))

  it.effect("of another form than the policy's own is refused", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(base, "cpu", { adapter: adapterPath("llama3-all") })
      const own = policy.adapter ?? form([])
      for (
        const [change, says] of [
          [{ rank: 2 }, "asks for rank 2, and the policy's adapter has 4"],
          [{ alpha: 2 }, "asks for alpha 2, and the policy's adapter has 8"],
          [{ modules: own.modules.slice(1) }, "asks for other target modules than the policy's adapter has"]
        ] as const
      ) {
        const error = yield* Effect.flip(policy.train({ ...request, adapter: { ...own, ...change } }))
        expect(error.message).toContain(says)
      }
    }))
})
