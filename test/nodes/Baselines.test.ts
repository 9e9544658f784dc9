import { describe, expect, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { TableType } from "gemflow"
import {
  Candidates,
  Policy,
  PreferenceSequences as Sequences,
  RankedResponses as Responses,
  Ranking,
  RewardScores
} from "gemflow/artifacts"
import {
  Checkpoint,
  Dpo,
  Ipo,
  PreferenceSequences,
  Pro,
  RankedResponses,
  ReflectiveSft,
  RewardModel,
  RewardScore,
  Sample
} from "gemflow/nodes"
import { Table } from "../../artifacts/Table.ts"
import { baselineCheckpoint, baselines, curveOf, expectCurves, expectNear, only, pairsOf } from "./baselineReference.ts"
import { runNode, services, temporaryDirectory } from "./runNode.ts"
import { messageOf } from "./tables.ts"

/** The pairs of the reference, encoded and scored by the policy that training starts from. */
class Given extends Context.Service<Given, {
  readonly policy: Table<typeof Policy>
  readonly pairs: Table<typeof Sequences>
  readonly heldOut: Table<typeof Sequences>
}>()("gemflow/test/nodes/BaselinesGiven") {
  static readonly layer = Layer.effect(
    Given,
    Effect.gen(function*() {
      const policy = yield* runNode(Checkpoint, Policy, { path: baselineCheckpoint })
      const encoded = (pairs: typeof baselines.pairs) =>
        Effect.flatMap(
          pairsOf(pairs),
          (pairs) => runNode(PreferenceSequences, Sequences, {}, { reference: policy, pairs })
        )
      return { policy, pairs: yield* encoded(baselines.pairs), heldOut: yield* encoded(baselines.held_out) }
    })
  )
}

const training = { ...baselines.optimiser, epochs: baselines.epochs, evaluate_every_steps: 2 }

const inTemporaryStore = Layer.unwrap(Effect.map(temporaryDirectory, services))

layer(Layer.provideMerge(Given.layer, inTemporaryStore))("the baselines", (it) => {
  describe("preference-sequences", () => {
    it.effect("encodes as TRL does, and scores with the reference", () =>
      Effect.gen(function*() {
        const rows = (yield* Given).pairs.rows()
        expect(rows.map(({ chosen_tokens, prompt_tokens, rejected_tokens }) => ({
          prompt: [...prompt_tokens],
          chosen: [...chosen_tokens],
          rejected: [...rejected_tokens]
        }))).toEqual(baselines.encoded)
        baselines.dpo.reference.forEach(({ chosen, rejected }, index) => {
          expectNear("chosen", rows[index]?.chosen_reference_log_prob, chosen)
          expectNear("rejected", rows[index]?.rejected_reference_log_prob, rejected)
        })
        expect(rows.map(({ truncated }) => truncated)).toEqual([false, false, false])
      }))

    it.effect("cuts to max_length, both responses after the same prompt, and says so", () =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        const pairs = yield* pairsOf(baselines.pairs)
        const cut = yield* runNode(PreferenceSequences, Sequences, { max_length: 20 }, { reference: policy, pairs })
        const [first, second, third] = cut.rows()
        expect([first?.prompt_tokens.length, first?.rejected_tokens.length, first?.truncated]).toEqual([7, 13, true])
        expect([second?.prompt_tokens.length, second?.rejected_tokens.length, second?.truncated]).toEqual([13, 7, true])
        expect([third?.chosen_tokens.length, third?.rejected_tokens.length, third?.truncated]).toEqual([14, 3, true])
      }))
  })

  describe.each([["dpo", Dpo], ["ipo", Ipo]] as const)("%s", (name, node) => {
    it.effect("takes TRL's steps: losses, gradient norms and metrics, on trained and on held-out pairs", () =>
      Effect.gen(function*() {
        const { heldOut, pairs, policy } = yield* Given
        const expected = baselines[name]
        const trained = yield* runNode(node, Policy, { ...training, ...expected.config }, {
          policy,
          pairs,
          held_out: [heldOut]
        })
        expectCurves(only(trained), expected)
        expect(only(trained).origin).toBe(name)
        expect(curveOf(trained, "num_tokens")).toEqual([1, 2, 3].map((step) => step * expected.tokens))
        // Before the first step policy and reference are one.
        expectNear("first margin", curveOf(trained, "rewards/margins")[0], 0)
        expectNear("first loss", only(trained).step_loss[0], name === "dpo" ? Math.LN2 : 1)
        expectNear("first margin of held-out pairs", curveOf(trained, "eval_rewards/margins")[0], 0)
      }))
  })

  it.effect("dpo of swapped pairs pushes the other way, and of no pairs nowhere", () =>
    Effect.gen(function*() {
      const { pairs, policy } = yield* Given
      const swapped = yield* Table.fromRows(
        Sequences,
        pairs.rows().map((row) => ({
          ...row,
          chosen_tokens: row.rejected_tokens,
          rejected_tokens: row.chosen_tokens,
          chosen_reference_log_prob: row.rejected_reference_log_prob,
          rejected_reference_log_prob: row.chosen_reference_log_prob
        }))
      )
      const config = { ...training, epochs: 1, learning_rate: 1e-5 }
      const held = { held_out: [pairs] }
      const there = yield* runNode(Dpo, Policy, config, { policy, pairs, ...held })
      const back = yield* runNode(Dpo, Policy, config, { policy, pairs: swapped, ...held })
      const [, forward = 0] = curveOf(there, "eval_rewards/margins")
      const [, backward = 0] = curveOf(back, "eval_rewards/margins")
      expect(forward).toBeGreaterThan(0)
      expect(backward).toBeLessThan(0)
      expect(backward / -forward).toBeCloseTo(1, 1)
      const none = yield* Table.fromRows(Sequences, [])
      const still = yield* runNode(Dpo, Policy, config, { policy, pairs: none, held_out: [] })
      expect(only(still)).toMatchObject({ steps: 0, checkpoint: only(policy).checkpoint, curves: [] })
    }))

  it.effect("dpo of an adapter has its base as reference, with or without the adapter", () =>
    Effect.gen(function*() {
      const { pairs, policy } = yield* Given
      const config = {
        ...training,
        epochs: 2,
        learning_rate: 0.05,
        adapter: { rank: 2, target_modules: ["q_proj", "o_proj"] }
      }
      const adapted = yield* runNode(Dpo, Policy, config, { policy, pairs })
      expect(only(adapted)).toMatchObject({ checkpoint: only(policy).checkpoint, origin: "dpo" })
      expect(only(adapted).adapter).not.toBe(null)
      const texts = yield* pairsOf(baselines.pairs)
      const scored = (config: object) =>
        runNode(PreferenceSequences, Sequences, config, { reference: adapted, pairs: texts })
      expect((yield* scored({ without_adapter: true })).rows()).toEqual(pairs.rows())
      const margin = ({ chosen_reference_log_prob, rejected_reference_log_prob }: TableType.Row<typeof Sequences>) =>
        chosen_reference_log_prob - rejected_reference_log_prob
      const [before = 0] = pairs.rows().map(margin)
      expect((yield* scored({})).rows().map(margin)[0]).toBeGreaterThan(before)
    }))

  it.effect("reflective-sft looks at held-out pairs as dpo would", () =>
    Effect.gen(function*() {
      const { heldOut, policy } = yield* Given
      const pairs = yield* pairsOf(baselines.pairs)
      const config = { epochs: 3, learning_rate: 0.002, evaluate_every_steps: 2 }
      const sft = yield* runNode(ReflectiveSft, Policy, config, { policy, pairs, held_out: [heldOut] })
      expect(only(sft).curves.find(({ metric }) => metric === "eval_loss")?.step).toEqual(Int32Array.of(0, 2, 3))
      expectNear("eval_loss before", curveOf(sft, "eval_loss")[0], Math.LN2)
      // The held-out pairs' log-probs move with the weights.
      expect(curveOf(sft, "eval_logps/chosen")[2]).toBeGreaterThan(curveOf(sft, "eval_logps/chosen")[0] ?? 0)
    }))

  describe("ranked-responses and pro", () => {
    const candidatesOf = Effect.gen(function*() {
      const rows = baselines.pro.candidates.map(({ pair, rank, tokens }, candidate) => ({
        candidate_id: `c${candidate}`,
        prompt_id: `prompt-${pair}`,
        candidate,
        prompt: [],
        prompt_tokens: Int32Array.of(1),
        prompt_truncated: false,
        tokens: Int32Array.from(tokens),
        token_text: [],
        text: "",
        token_log_prob: new Float32Array(tokens.length),
        token_entropy: new Float32Array(tokens.length),
        finished: true,
        score: 0,
        mu: 0,
        sigma: 1,
        rank
      }))
      return { candidates: yield* Table.fromRows(Candidates, rows), ranking: yield* Table.fromRows(Ranking, rows) }
    })

    const listed = (config: object = {}) =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        const { candidates, ranking } = yield* candidatesOf
        const pairs = yield* pairsOf(baselines.pairs)
        const tables = { policy, pairs, candidates: [candidates], ranking: [ranking] }
        return yield* runNode(RankedResponses, Responses, config, tables)
      })

    it.effect("lists chosen, candidates by rank and rejected, rewarded by place", () =>
      Effect.gen(function*() {
        const rows = (yield* listed()).rows()
        expect(rows.map(({ pair_id, reward, source }) => [pair_id, source, reward])).toEqual([
          ["pair-0", "chosen", 1],
          ["pair-0", "c1", 2 / 3],
          ["pair-0", "c0", 1 / 3],
          ["pair-0", "rejected", 0],
          ["pair-1", "chosen", 1],
          ["pair-1", "c2", 0.5],
          ["pair-1", "rejected", 0],
          ["pair-2", "chosen", 1],
          ["pair-2", "rejected", 0]
        ])
        const fewer = (yield* listed({ candidates: 1 })).rows().map(({ source }) => source)
        expect(fewer.slice(0, 3)).toEqual(["chosen", "c1", "rejected"])
      }))

    it.effect("pro takes the paper's steps on such lists", () =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        const responses = yield* listed()
        const config = { ...training, ...baselines.pro.config }
        const trained = yield* runNode(Pro, Policy, config, { policy, responses, held_out: [] })
        expectCurves(only(trained), baselines.pro)
        const held = yield* runNode(Pro, Policy, { ...config, epochs: 1 }, { policy, responses, held_out: [responses] })
        expectNear("before", curveOf(held, "eval_loss")[0], baselines.pro.steps[0]?.loss ?? 0)
        expectNear("after", curveOf(held, "eval_loss")[1], baselines.pro.steps[1]?.loss ?? 0)
      }))
  })

  describe("reward-model and reward-score", () => {
    it.effect("takes TRL's steps, and scores what was sampled", () =>
      Effect.gen(function*() {
        const { policy } = yield* Given
        const [pairs, heldOut] = [yield* pairsOf(baselines.pairs), yield* pairsOf(baselines.held_out)]
        const config = { ...training, ...baselines.reward.config }
        const model = yield* runNode(RewardModel, Policy, config, { policy, pairs, held_out: [heldOut] })
        expectCurves(only(model), baselines.reward)

        const candidates = yield* runNode(Sample, Candidates, { candidates: 2, max_new_tokens: 6 }, { policy, pairs })
        const score = (config: object) =>
          Effect.map(
            runNode(RewardScore, RewardScores, config, { reward_model: model, candidates }),
            (table) => table.rows()
          )
        const scores = yield* score({})
        expect(scores.map(({ candidate_id }) => candidate_id)).toEqual(
          candidates.rows().map(({ candidate_id }) => candidate_id)
        )
        expect(new Set(scores.map(({ score }) => score)).size).toBeGreaterThan(3)
        const penalised = yield* score({ missing_eos_penalty: 1 })
        candidates.rows().forEach(({ finished }, index) => {
          const lost = (scores[index]?.score ?? 0) - (penalised[index]?.score ?? 0)
          expect(lost).toBeCloseTo(finished ? 0 : 1, 9)
        })
        expect(yield* messageOf(runNode(RewardScore, RewardScores, {}, { reward_model: policy, candidates })))
          .toContain(
            "Open a reward model"
          )
      }))
  })
})
