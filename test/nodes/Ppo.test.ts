import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ArtifactStore, Candidates, Policy, ReferenceLogProbs, RewardScores } from "gemflow/artifacts"
import { Checkpoint, Ppo, ReferenceLogProbs as ScoreByReference, Sample } from "gemflow/nodes"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Table } from "../../artifacts/Table.ts"
import { baselineCheckpoint, baselines, curveOf, expectCurves, expectNear, only, pairsOf } from "./baselineReference.ts"
import { runNode, services, temporaryDirectory } from "./runNode.ts"
import { messageOf } from "./tables.ts"

const openPolicy = runNode(Checkpoint, Policy, { path: baselineCheckpoint })

type Response = typeof baselines.ppo.responses[number]
const rollouts = (change: (response: Response) => Response = (response) => response) =>
  Effect.gen(function*() {
    const rows = baselines.ppo.responses.map(change).map((response, candidate) => ({
      candidate_id: `${response.prompt_id}:${candidate}`,
      prompt_id: response.prompt_id,
      candidate,
      prompt: [],
      prompt_tokens: Int32Array.from(response.prompt),
      prompt_truncated: false,
      tokens: Int32Array.from(response.tokens),
      token_text: [],
      text: "",
      token_log_prob: Float32Array.from(response.log_probs),
      token_entropy: Float32Array.from(response.log_probs),
      finished: response.finished,
      score: response.score,
      score_sd: 0,
      reference_log_prob: Float32Array.from(response.reference)
    }))
    return {
      candidates: yield* Table.fromRows(Candidates, rows),
      scores: yield* Table.fromRows(RewardScores, rows),
      reference: yield* Table.fromRows(ReferenceLogProbs, rows)
    }
  })
const config = { ...baselines.optimiser, epochs: baselines.epochs, ...baselines.ppo.config }

const inTemporaryStore = Layer.unwrap(Effect.map(temporaryDirectory, services))

layer(inTemporaryStore)("ppo", (it) => {
  it.effect("takes TRL's steps: advantages, clipping, values and metrics", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy
      const trained = yield* runNode(Ppo, Policy, config, { policy, ...(yield* rollouts()) })
      expectCurves(only(trained), baselines.ppo)
      expect(curveOf(trained, "val/ratio")[0]).toBeCloseTo(1, 5)
    }))

  it.effect("whose rewards are equal and whose KL is 0 moves values alone, and they go on to the next round", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy
      // Without a discount all returns, and so all advantages, are the one score.
      const flat = { ...config, kl_coefficient: 0, gamma: 1, lambda: 1, epochs: 2, learning_rate: 0.01 }
      const given = yield* rollouts((response) => ({ ...response, score: 0.5 }))
      const first = yield* runNode(Ppo, Policy, flat, { policy, ...given })
      for (const loss of curveOf(first, "loss/policy_avg")) expect(Math.abs(loss)).toBeLessThan(1e-6)
      const [before, after] = curveOf(first, "loss/value_avg")
      expectNear("value loss", before, 0.5 * 0.25)
      expect(after).toBeLessThan(before ?? 0)
      const still = yield* runNode(Ppo, Policy, { ...flat, value_coefficient: 0 }, { policy, ...given })
      const logProbs = (reference: Table<typeof Policy>) =>
        Effect.map(
          runNode(ScoreByReference, ReferenceLogProbs, {}, { reference, candidates: given.candidates }),
          (table) => table.rows().flatMap(({ reference_log_prob }) => [...reference_log_prob])
        )
      expect(yield* logProbs(still)).toEqual(yield* logProbs(policy))

      // The second round's old values are those of the head that the first trained: its first value loss is not that of zeros.
      const second = yield* runNode(Ppo, Policy, { ...flat, epochs: 1 }, { policy: first, ...given })
      expect(curveOf(second, "loss/value_avg")[0]).toBeLessThan(before ?? 0)
    }))

  it.effect("refuses tables that are not of the same candidates", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy
      const given = yield* rollouts()
      const none = yield* Table.fromRows(Candidates, [])
      expect(yield* messageOf(runNode(Ppo, Policy, config, { policy, ...given, candidates: none }))).toContain(
        "is in scores and not in candidates"
      )
      const { reference } = yield* rollouts((response) => ({ ...response, reference: response.reference.slice(1) }))
      expect(yield* messageOf(runNode(Ppo, Policy, config, { policy, ...given, reference }))).toContain(
        "has 5 tokens, and reference 4 log-probs"
      )
    }))

  it.effect("keeps its value head beside the policy, which stays a policy", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy
      const trained = yield* runNode(Ppo, Policy, { ...config, epochs: 1 }, { policy, ...(yield* rollouts()) })
      const store = yield* ArtifactStore
      const directory = yield* store.directoryPath(only(trained).checkpoint)
      expect(existsSync(join(directory, "value_head.safetensors"))).toBe(true)
      const pairs = yield* pairsOf(baselines.pairs)
      const sampled = yield* runNode(Sample, Candidates, { candidates: 2, max_new_tokens: 4 }, {
        policy: trained,
        pairs
      })
      expect(sampled.numRows).toBe(6)
    }))
})
