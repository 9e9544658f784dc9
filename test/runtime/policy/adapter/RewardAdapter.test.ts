import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { exportCheckpoint } from "../../../../runtime/policy/export/ExportPolicy.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { rewardPairsOf } from "../loss/lossItems.ts"
import { lossReference } from "../lossReference.ts"
import { python, readBack, unlessPython } from "../readBack.ts"
import { checkpointPath, largestDifference, reference } from "../reference.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-reward-adapter-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const base = checkpointPath("llama3")
const items = rewardPairsOf(lossReference("llama3"))
const pairs = items.flatMap(({ sequences }) => sequences)

const request: TrainRequest = {
  objective: bradleyTerry(),
  steps: [items, items, items],
  learningRate: 0.02,
  schedule: "constant",
  warmupSteps: 0,
  weightDecay: 0,
  clip: 1,
  betas: [0.9, 0.99],
  epsilon: 1e-8
}

/** Trains an adapter with its score head over a policy that is no reward model. */
const trained = Effect.fnUntraced(function*(directory: string) {
  const policy = yield* openPolicy(base, "cpu")
  const modules = linearModules(policy.config, ["q_proj", "down_proj"])
  const adapter = { rank: 2, alpha: 4, rankStabilised: false, dropout: 0, modules }
  const { save, steps } = yield* policy.train({ ...request, adapter })
  yield* save(directory)
  return steps
})

/** The mean of - log sigmoid(chosen - rejected - margin). */
const lossOf = (rewards: Float32Array): number =>
  items.reduce((sum, { values }, index) => {
    const difference = (rewards[2 * index] ?? 0) - (rewards[2 * index + 1] ?? 0) - Number(values["margin"])
    return sum + Math.log1p(Math.exp(-difference)) / items.length
  }, 0)

layer(Sessions.layer)("an adapter with a score head", (it) => {
  it.effect("makes its base a reward model, is trained on, and is merged with it", () =>
    Effect.gen(function*() {
      const parent = yield* temporary
      const directory = join(parent, "adapter")
      const steps = yield* trained(directory)
      expect(steps[2]?.loss).toBeLessThan(steps[0]?.loss ?? 0)

      const policy = yield* openPolicy(base, "cpu", { adapter: directory })
      expect(policy.config.architecture).toBe("LlamaForSequenceClassification")
      const rewards = yield* policy.rewards({ sequences: pairs })
      expect((yield* Effect.flip(policy.score({ sequences: pairs }))).message).toContain("is a reward model")
      const onward = yield* policy.train({ ...request, learningRate: 0, steps: [items] })
      expect(onward.steps[0]?.loss).toBeCloseTo(lossOf(rewards), 5)
      expect(lossOf(rewards)).toBeLessThan(steps[2]?.loss ?? 0)

      yield* exportCheckpoint({ checkpoint: base, adapter: directory }, join(parent, "merged"))
      const merged = yield* openPolicy(join(parent, "merged"), "cpu")
      expect(largestDifference(yield* merged.rewards({ sequences: pairs }), rewards)).toBeLessThan(1e-5)
    }))

  describe.skipIf(python === undefined)(`that we save loads in PEFT${unlessPython}`, () => {
    it.effect("with our rewards", () =>
      Effect.gen(function*() {
        const adapter = join(yield* temporary, "adapter")
        yield* trained(adapter)
        const policy = yield* openPolicy(base, "cpu", { adapter })
        const messages = reference("llama3").chat[1]?.messages ?? []
        const [read] = yield* readBack([{ directory: base, adapter, sequences: pairs, messages }])
        expect([read?.model, read?.faults]).toEqual(["PeftModelForSequenceClassification", []])
        expect(largestDifference(yield* policy.rewards({ sequences: pairs }), read?.scores ?? [])).toBeLessThan(1e-4)
      }), 120_000)
  })
})
