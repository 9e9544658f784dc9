import { describe, expect, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Node, TableType } from "gemflow"
import {
  Advantages,
  AnswerEvaluation,
  ArtifactStore,
  Candidates,
  EntropyScores,
  Policy,
  PreferenceEvaluation,
  Ranking
} from "gemflow/artifacts"
import {
  Advantage,
  Checkpoint,
  EntropyScore,
  EvaluateAnswers,
  EvaluatePreferences,
  Filter,
  PairwiseUpdate,
  Rank,
  ReflectiveSft,
  Sample,
  Update
} from "gemflow/nodes"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Table } from "../../artifacts/Table.ts"
import { runNode, services, temporaryDirectory } from "./runNode.ts"
import { messageOf, pairsTable } from "./tables.ts"

// A checkpoint of random weights with a context of 64 tokens, made for the tests of runtime/policy.
const checkpoint = fileURLToPath(new URL("../fixtures/policy/tied-bf16", import.meta.url))

const pairs = pairsTable([
  { prompt_id: "a", prompt: [{ role: "user", content: "1+1" }], chosen: "2\nA: 2", rejected: "3\nA: 3" },
  { prompt_id: "a", prompt: [{ role: "user", content: "1+1" }], chosen: "2\nA: 2", rejected: "4\nA: 4" },
  { prompt_id: "b", prompt: [{ role: "user", content: "2+3" }], chosen: "5\nA: 5", rejected: "7\nA: 7" }
])

const sampleFrom = (policy: Table<typeof Policy>, config: object = {}) =>
  Effect.flatMap(
    pairs,
    (pairs) => runNode(Sample, Candidates, { candidates: 3, max_new_tokens: 12, ...config }, { policy, pairs })
  )

/** What most tests start from, made once. */
class Given extends Context.Service<Given, {
  readonly policy: Table<typeof Policy>
  readonly candidates: Table<typeof Candidates>
}>()("gemflow/test/nodes/Given") {
  static readonly layer = Layer.effect(
    Given,
    Effect.gen(function*() {
      const policy = yield* runNode(Checkpoint, Policy, { path: checkpoint })
      return { policy, candidates: yield* sampleFrom(policy) }
    })
  )
}

/** Advantages of sampled candidates, through the nodes between. */
const judged = (candidates: Table<typeof Candidates>, config: object = {}) =>
  Effect.gen(function*() {
    const scores = yield* runNode(EntropyScore, EntropyScores, {}, { candidates })
    const ranking = yield* runNode(Rank, Ranking, {}, { scores })
    const filtered = yield* runNode(Filter, Ranking, { drop_weakest: 1 }, { ranking })
    return yield* runNode(Advantage, Advantages, config, { ranking: filtered })
  })

const only = <T extends TableType.Any>(table: Table<T>): TableType.Row<T> => {
  const [row, ...others] = table.rows()
  if (row === undefined || others.length > 0) throw new Error(`expected one row, found ${table.numRows}`)
  return row
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0)

const inTemporaryStore = Layer.unwrap(Effect.map(temporaryDirectory, services))

layer(Layer.provideMerge(Given.layer, inTemporaryStore))("with a policy", (it) => {
  describe("checkpoint", () => {
    it.effect("takes a directory into the store, and describes it", () =>
      Effect.gen(function*() {
        const row = only((yield* Given).policy)
        expect(row).toMatchObject({ architecture: "LlamaForCausalLM", origin: "checkpoint", steps: 0, truncated: 0 })
        expect(row.policy_id).toBe(row.checkpoint)
        expect(row.parameters).toBeGreaterThan(10_000)
        const directory = yield* (yield* ArtifactStore).directoryPath(row.checkpoint)
        expect(existsSync(join(directory, "model.safetensors"))).toBe(true)
      }))

    it.effect("refuses a directory that holds no model, naming the file", () =>
      Effect.gen(function*() {
        const path = yield* temporaryDirectory
        expect(yield* messageOf(runNode(Checkpoint, Policy, { path }))).toContain(join(path, "config.json"))
      }))
  })

  describe("sample", () => {
    it.effect("draws k candidates of each distinct prompt", () =>
      Effect.gen(function*() {
        const { candidates } = yield* Given
        const rows = candidates.rows()
        expect(rows.map(({ candidate_id }) => candidate_id)).toEqual(["a:0", "a:1", "a:2", "b:0", "b:1", "b:2"])
        expect(new Set(rows.map(({ text }) => text)).size).toBeGreaterThan(3)
        for (const row of rows) {
          expect(row.tokens.length).toBeGreaterThan(0)
          expect(row.tokens.length).toBeLessThanOrEqual(12)
          expect(row.token_text).toHaveLength(row.tokens.length)
          expect(row.token_log_prob).toHaveLength(row.tokens.length)
          expect(row.token_entropy).toHaveLength(row.tokens.length)
          expect(row.token_text.join("")).toBe(row.text)
          expect(row.prompt_truncated).toBe(false)
        }
      }))

    it.effect("puts the suffix to the policy, and repeats for a seed", () =>
      Effect.gen(function*() {
        const { candidates, policy } = yield* Given
        const plain = candidates.rows()
        expect((yield* sampleFrom(policy)).rows()).toEqual(plain)
        const other = (yield* sampleFrom(policy, { seed: 1 })).rows()
        expect(other.map(({ text }) => text)).not.toEqual(plain.map(({ text }) => text))
        const asked = (yield* sampleFrom(policy, { cot_suffix: " think" })).rows()
        expect(asked[0]?.prompt_tokens.length).toBeGreaterThan(plain[0]?.prompt_tokens.length ?? 0)
        expect(asked[0]?.prompt).toEqual(plain[0]?.prompt)
      }))

    it.effect("cuts a prompt that is too long, and says so", () =>
      Effect.gen(function*() {
        const long = yield* pairsTable([{ prompt: [{ role: "user", content: "long ".repeat(100) }] }])
        const { policy } = yield* Given
        const candidates = yield* runNode(Sample, Candidates, { max_new_tokens: 12 }, { policy, pairs: long })
        expect(candidates.numRows).toBe(5)
        for (const row of candidates.rows()) {
          expect(row.prompt_truncated).toBe(true)
          expect(row.prompt_tokens).toHaveLength(52)
        }
        expect(yield* messageOf(sampleFrom(policy, { max_new_tokens: 64 }))).toContain(
          "max_new_tokens is 64, which leaves no room"
        )
      }))

    it.effect("refuses fewer than two candidates, and a table without a policy", () =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        expect(yield* messageOf(sampleFrom(policy, { candidates: 1 }))).toContain("an integer of at least 2")
        const none = yield* Table.fromRows(Policy, [])
        expect(yield* messageOf(sampleFrom(none))).toContain("a table with one policy, found 0")
      }))
  })

  describe("update", () => {
    const config = { learning_rate: 0.003, epochs: 4 }

    it.effect("starts from the SEGA loss of the log-probs that sampling recorded, and lowers it", () =>
      Effect.gen(function*() {
        const { candidates, policy } = yield* Given
        const advantages = yield* judged(candidates)
        expect(advantages.numRows).toBe(4)
        const updated = only(yield* runNode(Update, Policy, config, { policy, candidates, advantages }))

        const logProbs = new Map(candidates.rows().map((row) => [row.candidate_id, sum(row.token_log_prob)]))
        // Two prompts, two candidates of each left: Q = 2, k = 2.
        const terms = advantages.rows().map((row) => row.weight * (logProbs.get(row.candidate_id) ?? Number.NaN))
        const [first = Number.NaN, ...later] = updated.step_loss
        expect(first).toBeCloseTo(-sum(terms) / 4, 3)
        expect(later).toHaveLength(3)
        expect(later.at(-1)).toBeLessThan(first)

        const curve = (name: string) => [...(updated.curves.find(({ metric }) => metric === name)?.value ?? [])]
        const rewards = advantages.rows().map(({ reward }) => reward)
        for (const reward of curve("reward")) expect(reward).toBeCloseTo(sum(rewards) / 4, 6)
        const [a = 0, b = 0, c = 0, d = 0] = rewards
        expect(curve("reward_std")[0]).toBeCloseTo((Math.abs(a - b) + Math.abs(c - d)) / 2 / Math.SQRT2, 6)
        expect(curve("frac_reward_zero_std")).toEqual([0, 0, 0, 0])

        expect(updated).toMatchObject({ origin: "update", steps: 4, truncated: 0 })
        expect(updated.policy_id).not.toBe(only(policy).policy_id)
        expect(updated.step_learning_rate).toEqual(Float32Array.of(0.003, 0.003, 0.003, 0.003))
        const trainedOn = new Set(advantages.rows().map(({ candidate_id }) => candidate_id))
        const tokens = candidates.rows().filter((row) => trainedOn.has(row.candidate_id)).map((row) =>
          row.tokens.length
        )
        expect(updated.num_tokens).toBe(4 * sum(tokens))
        expect(curve("completions/mean_length")[0]).toBeCloseTo(sum(tokens) / 4, 6)
        expect(curve("completions/max_length")[0]).toBe(Math.max(...tokens))
      }))

    it.effect("normalises by length when asked to", () =>
      Effect.gen(function*() {
        const { candidates, policy } = yield* Given
        const advantages = yield* judged(candidates)
        const options = { ...config, normalise: "token" }
        const updated = only(yield* runNode(Update, Policy, options, { policy, candidates, advantages }))
        const means = new Map(
          candidates.rows().map((row) => [row.candidate_id, sum(row.token_log_prob) / row.tokens.length])
        )
        const terms = advantages.rows().map((row) => row.weight * (means.get(row.candidate_id) ?? Number.NaN))
        expect(updated.step_loss[0]).toBeCloseTo(-sum(terms) / 4, 4)
      }))

    it.effect("leaves the policy as it is when no candidate is better than another", () =>
      Effect.gen(function*() {
        const { candidates, policy } = yield* Given
        const rows = (yield* judged(candidates)).rows().map((row) => ({ ...row, weight: 0 }))
        const advantages = yield* Table.fromRows(Advantages, rows)
        const updated = only(yield* runNode(Update, Policy, config, { policy, candidates, advantages }))
        expect(updated).toMatchObject({ origin: "update", steps: 0, checkpoint: only(policy).checkpoint })
      }))

    it.effect("names an advantage whose candidate is not there", () =>
      Effect.gen(function*() {
        const { candidates, policy } = yield* Given
        const advantages = yield* judged(candidates)
        const none = yield* Table.fromRows(Candidates, [])
        const [{ candidate_id } = { candidate_id: "" }] = advantages.rows()
        expect(yield* messageOf(runNode(Update, Policy, config, { policy, candidates: none, advantages })))
          .toContain(`Candidate ${candidate_id} has an advantage but is not among the candidates`)
      }))
  })

  it.effect("pairwise-update, in update's place, prefers each prompt's best candidate over its worst", () =>
    Effect.gen(function*() {
      const { candidates, policy } = yield* Given
      const advantages = yield* judged(candidates)
      const config = { learning_rate: 0.003, epochs: 4, label_smoothing: 0 }
      const updated = only(yield* runNode(PairwiseUpdate, Policy, config, { policy, candidates, advantages }))
      expect(updated).toMatchObject({ origin: "pairwise-update", steps: 4 })
      // The reference is what sampling recorded: before the first step it is the policy.
      expect(updated.step_loss[0]).toBeCloseTo(Math.LN2, 4)
      const curve = (name: string) => updated.curves.find(({ metric }) => metric === name)?.value ?? []
      expect(curve("rewards/margins")[3]).toBeGreaterThan(0.01)
      const byReward = (prompt: string) =>
        advantages.rows().filter(({ prompt_id }) => prompt_id === prompt).toSorted((a, b) => b.reward - a.reward)
      const logProbs = new Map(candidates.rows().map((row) => [row.candidate_id, sum(row.token_log_prob)]))
      const best = ["a", "b"].map((prompt) => logProbs.get(byReward(prompt)[0]?.candidate_id ?? "") ?? Number.NaN)
      expect(curve("logps/chosen")[0]).toBeCloseTo(sum(best) / 2, 2)
    }))

  describe("reflective-sft and the evaluations", () => {
    const evaluate = <T extends TableType.Any>(
      node: Node.Any,
      output: T,
      policy: Table<typeof Policy>,
      config: object = {}
    ) => Effect.flatMap(pairs, (pairs) => runNode(node, output, { label: "test", ...config }, { policy, pairs }))

    it.effect("learns the chosen responses: likelier, preferred and answered", () =>
      Effect.gen(function*() {
        const { policy: base } = yield* Given
        const options = { epochs: 60, learning_rate: 0.01 }
        const trained = yield* runNode(ReflectiveSft, Policy, options, { policy: base, pairs: yield* pairs })
        const { num_tokens, step_loss, steps } = only(trained)

        const before = (yield* evaluate(EvaluatePreferences, PreferenceEvaluation, base)).rows()
        // The pair that shares its prompt and chosen response with another counts once.
        const distinct = [before[0], before[2]]
        const tokens = sum(distinct.map((row) => row?.chosen_tokens ?? 0))
        expect(step_loss[0]).toBeCloseTo(-sum(distinct.map((row) => row?.chosen_log_prob ?? 0)) / tokens, 3)
        expect([steps, num_tokens]).toEqual([60, 60 * tokens])
        expect(step_loss.at(-1)).toBeLessThan(0.1)

        const after = (yield* evaluate(EvaluatePreferences, PreferenceEvaluation, trained)).rows()
        expect(after.map(({ correct, correct_per_token }) => correct && correct_per_token)).toEqual([true, true, true])
        for (const [index, row] of after.entries()) {
          expect(row.chosen_log_prob).toBeGreaterThan(before[index]?.chosen_log_prob ?? 0)
          expect(row.margin).toBeCloseTo(0.1 * (row.chosen_log_prob - row.rejected_log_prob), 10)
        }

        const options2 = { max_new_tokens: 16 }
        const answers = (yield* evaluate(EvaluateAnswers, AnswerEvaluation, trained, options2)).rows()
        expect(answers).toMatchObject([
          { policy: "test", prompt_id: "a", sample: 0, expected: "2", answer: "2", correct: true, finished: true },
          { policy: "test", prompt_id: "b", sample: 0, expected: "5", answer: "5", correct: true, text: "5\nA: 5" }
        ])
        const untrained = (yield* evaluate(EvaluateAnswers, AnswerEvaluation, base, { ...options2, samples: 2 })).rows()
        expect(untrained.map(({ sample }) => sample)).toEqual([0, 1, 0, 1])
        expect(untrained.map(({ answer, correct }) => [answer, correct])).toEqual(untrained.map(() => [null, false]))
      }))

    it.effect("cuts and counts what is longer than the context", () =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        const long = yield* pairsTable([
          { prompt: [{ role: "user", content: "so ".repeat(100) }], chosen: "yes ".repeat(100) },
          { chosen: "A: 1", rejected: "A: 2" }
        ])
        const trained = only(yield* runNode(ReflectiveSft, Policy, {}, { policy, pairs: long }))
        expect([trained.truncated, trained.steps]).toEqual([1, 1])
        const judgement = yield* runNode(EvaluatePreferences, PreferenceEvaluation, { label: "x" }, {
          policy,
          pairs: long
        })
        expect(judgement.rows().map(({ chosen_tokens, truncated }) => [chosen_tokens, truncated])).toEqual([
          [32, true],
          [judgement.rows()[1]?.chosen_tokens, false]
        ])
      }))
  })
})
