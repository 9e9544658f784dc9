import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { ppo } from "../../../../runtime/policy/loss/Ppo.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { lossNames, type LossReference, lossReference, rewardModelPath } from "../lossReference.ts"
import { checkpointPath, largestDifference } from "../reference.ts"
import { expectLoss, expectMetrics, expectRelative } from "./expectNear.ts"
import { gradientStep, plainStep, temporary } from "./gradientStep.ts"
import { rewardPairsOf, rolloutsOf, sequenceOf } from "./lossItems.ts"
import { withValueHead } from "./withValueHead.ts"

const ppoOf = ({ ppo: { clip, klCoefficient, valueClip, valueCoefficient } }: LossReference, entropy: boolean) =>
  ppo({ clip, klCoefficient, valueClip, valueCoefficient, entropy })

const PPO_METRICS = [
  "loss/policy_avg",
  "loss/value_avg",
  "policy/approxkl_avg",
  "policy/clipfrac_avg",
  "policy/entropy_avg",
  "val/clipfrac_avg",
  "val/ratio"
]

layer(Sessions.layer)("losses with a head", (it) => {
  describe.each(lossNames)("%s", (name) => {
    const reference = lossReference(name)
    const pairs = rewardPairsOf(reference)

    it.effect("bradley-terry is TRL's, with its gradients and metrics", () =>
      Effect.gen(function*() {
        const found = yield* gradientStep(rewardModelPath(name), bradleyTerry(), pairs)
        expectLoss(found, reference.reward)
        expectRelative("norm", found.gradNorm, reference.reward.gradient.norm, 1e-5)
        expectMetrics(found.metrics, reference.reward.metrics, ["accuracy", "margin", "mean_reward"])
      }))

    it.effect("rewards of a transformers reward model are its scores, in one batch or several", () =>
      Effect.gen(function*() {
        const sides = reference.reward.pairs.flatMap(({ chosen, chosenScore, rejected, rejectedScore }) => [
          { sequence: sequenceOf(reference, chosen), score: chosenScore },
          { sequence: sequenceOf(reference, rejected), score: rejectedScore }
        ])
        for (const tokens of [4096, 64]) {
          const policy = yield* openPolicy(rewardModelPath(name), "cpu", { tokens })
          const found = yield* policy.rewards({ sequences: sides.map(({ sequence }) => sequence) })
          expect(largestDifference(found, sides.map(({ score }) => score))).toBeLessThan(1e-4)
        }
      }))

    it.effect("ppo is TRL's, with its gradients and metrics", () =>
      Effect.gen(function*() {
        const found = yield* gradientStep(
          yield* withValueHead(name),
          ppoOf(reference, true),
          rolloutsOf(reference),
          { files: ["model.safetensors", "value_head.safetensors"] }
        )
        expectLoss(found, reference.ppo)
        expectRelative("norm", found.gradNorm, reference.ppo.gradient.norm, 1e-5)
        expectMetrics(found.metrics, reference.ppo.metrics, PPO_METRICS)
        expectMetrics(found.metrics, { kl: reference.ppo.parts.kl.value }, ["kl"])
      }))
  })

  const name = "qwen2"
  const reference = lossReference(name)

  it.effect("centred rewards are TRL's", () =>
    Effect.gen(function*() {
      const { centeredReward } = reference
      const objective = bradleyTerry({ centerCoefficient: centeredReward.coefficient })
      expectLoss(yield* gradientStep(rewardModelPath(name), objective, rewardPairsOf(reference)), centeredReward)
    }))

  it.effect("ppo in several micro-batches, without entropy, has the same loss and gradients", () =>
    Effect.gen(function*() {
      const found = yield* gradientStep(
        yield* withValueHead(name),
        ppoOf(reference, false),
        rolloutsOf(reference),
        { files: ["model.safetensors", "value_head.safetensors"], tokens: 32 }
      )
      expectLoss(found, reference.ppo)
      expect(found.metrics).not.toHaveProperty("policy/entropy_avg")
    }))

  it.effect("values are those that ppo's value loss is of", () =>
    Effect.gen(function*() {
      const { parts, responses, valueClip } = reference.ppo
      const policy = yield* openPolicy(yield* withValueHead(name), "cpu", { tokens: 64 })
      const values = yield* policy.values({
        sequences: responses.map(({ sequence }) => sequenceOf(reference, sequence))
      })
      expect(values.map(({ length }) => length)).toEqual(responses.map(({ returns }) => returns.length))
      const losses = responses.flatMap(({ oldValues, returns }, response) =>
        returns.map((goal, t) => {
          const [value, old] = [values[response]?.[t] ?? Number.NaN, oldValues[t] ?? Number.NaN]
          const near = Math.min(Math.max(value, old - valueClip), old + valueClip)
          return Math.max((value - goal) ** 2, (near - goal) ** 2) / 2
        })
      )
      expectRelative("loss", losses.reduce((a, b) => a + b, 0) / losses.length, parts.value.value, 1e-5)
    }))

  it.effect("a policy becomes a reward model, whose head starts at 0; it opens again, and neither generates nor scores", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      const prompt = Int32Array.of(0, 7, 8)
      const sequences = [{ prompt, response: Int32Array.of(9, 10) }, { prompt, response: Int32Array.of(11) }]
      const { save, steps } = yield* policy.train({
        ...plainStep,
        objective: bradleyTerry(),
        steps: [[{ sequences, values: { margin: 0, weight: 1 } }]]
      })
      expect(steps[0]?.loss).toBeCloseTo(Math.log(2), 5)
      const directory = join(yield* temporary, "rewards")
      yield* save(directory)
      const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"))
      expect(config).toMatchObject({
        ...JSON.parse(readFileSync(join(checkpointPath("untied-gqa"), "config.json"), "utf8")),
        architectures: ["LlamaForSequenceClassification"],
        id2label: { 0: "LABEL_0" }
      })
      const rewards = yield* openPolicy(directory, "cpu")
      expect(rewards.config.architecture).toBe("LlamaForSequenceClassification")
      // The step moved the head along its gradient: half the difference of the hidden states.
      const [chosen = Number.NaN, rejected = Number.NaN] = yield* rewards.rewards({ sequences })
      expect(chosen - rejected).toBeGreaterThan(0.1)
      expect((yield* Effect.flip(rewards.score({ sequences }))).message).toBe(
        "score: the policy is a reward model (LlamaForSequenceClassification), which has no language-model head. Ask it "
          + "for rewards, or open a policy."
      )
      expect((yield* Effect.flip(policy.rewards({ sequences }))).message).toContain(
        "rewards: the policy has no score head"
      )
      expect((yield* Effect.flip(policy.values({ sequences }))).message).toContain(
        "values: the policy has no value head"
      )
    }))
})
