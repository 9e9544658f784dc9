import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AnswerEvaluation, PreferenceEvaluation, Report as ReportTable } from "gemflow/artifacts"
import { Report } from "gemflow/nodes"
import { Table } from "../../artifacts/Table.ts"
import { runPure } from "./runNode.ts"
import { messageOf } from "./tables.ts"

/** Answers of a policy: per prompt whether each of its samples is correct. */
const answers = (policy: string, prompts: ReadonlyArray<ReadonlyArray<boolean>>, policy_id = policy) =>
  Table.fromRows(
    AnswerEvaluation,
    prompts.flatMap((samples, prompt) =>
      samples.map((correct, sample) => ({
        policy,
        policy_id,
        prompt_id: `prompt-${prompt}`,
        sample,
        expected: "1",
        answer: correct ? "1" : null,
        correct,
        text: "",
        response_tokens: 10 + sample,
        prompt_truncated: sample === 0 && prompt === 1,
        finished: correct,
        difficulty: null
      }))
    )
  )

const preferences = (policy: string, pairs: ReadonlyArray<readonly [correct: boolean, perToken: boolean]>) =>
  Table.fromRows(
    PreferenceEvaluation,
    pairs.map(([correct, correct_per_token], pair) => ({
      policy,
      policy_id: policy,
      pair_id: `pair-${pair}`,
      prompt_id: `prompt-${pair}`,
      difficulty: null,
      chosen_log_prob: -1,
      rejected_log_prob: -2,
      chosen_tokens: 1,
      rejected_tokens: 1,
      margin: 1,
      margin_per_token: 1,
      correct,
      correct_per_token,
      truncated: pair === 0
    }))
  )

describe("report", () => {
  it.effect("gives each label a row, in the order of the wiring", () =>
    Effect.gen(function*() {
      const report = yield* runPure(Report, ReportTable, {}, {
        answers: [yield* answers("base", [[true], [false], [false], [false]]), yield* answers("gem", [[true], [true]])],
        preferences: [
          yield* preferences("base", [[true, false], [false, false]]),
          yield* preferences("gem", [[true, true], [true, false], [true, true], [false, true]])
        ]
      })
      expect(report.rows()).toMatchObject([
        {
          policy: "base",
          answer_accuracy: 0.25,
          answers: 4,
          preference_accuracy: 0.5,
          preference_accuracy_per_token: 0,
          pairs: 2,
          mean_response_tokens: 10,
          finished_fraction: 0.25,
          truncated: 2
        },
        { policy: "gem", answer_accuracy: 1, preference_accuracy: 0.75, preference_accuracy_per_token: 0.75, pairs: 4 }
      ])
      // Wilson's interval of 1 in 4.
      expect(report.rows()[0]?.answer_low).toBeCloseTo(0.045587, 6)
      expect(report.rows()[0]?.answer_high).toBeCloseTo(0.699358, 6)
    }))

  it.effect("widens the interval when the samples of a prompt agree", () =>
    Effect.gen(function*() {
      const width = (prompts: ReadonlyArray<ReadonlyArray<boolean>>, interval: string) =>
        Effect.gen(function*() {
          const tables = { answers: [yield* answers("base", prompts)], preferences: [] }
          const [row] = (yield* runPure(Report, ReportTable, { interval }, tables)).rows()
          return (row?.answer_high ?? 0) - (row?.answer_low ?? 0)
        })
      const agreeing = Array.from({ length: 10 }, (_, prompt) => Array.from({ length: 8 }, () => prompt < 5))
      const mixed = Array.from({ length: 80 }, (_, prompt) => [prompt < 40])
      for (const interval of ["wilson", "cluster-bootstrap"]) {
        expect(yield* width(agreeing, interval)).toBeGreaterThan(2 * (yield* width(mixed, interval)))
      }
    }))

  it.effect("leaves null what was not evaluated", () =>
    Effect.gen(function*() {
      const tables = { answers: [], preferences: [yield* preferences("base", [[true, true]])] }
      const report = yield* runPure(Report, ReportTable, {}, tables)
      expect(report.rows()).toMatchObject([
        { answer_accuracy: null, answer_low: null, answers: 0, mean_response_tokens: null, preference_accuracy: 1 }
      ])
    }))

  it.effect("refuses one label for two policies, and no evaluation at all", () =>
    Effect.gen(function*() {
      const twice = {
        answers: [yield* answers("a", [[true]], "x"), yield* answers("a", [[true]], "y")],
        preferences: []
      }
      expect(yield* messageOf(runPure(Report, ReportTable, {}, twice))).toContain(
        "The label \"a\" stands for 2 policies (x, y)"
      )
      const nothing = { answers: [], preferences: [] }
      expect(yield* messageOf(runPure(Report, ReportTable, {}, nothing))).toContain("There is nothing to report")
    }))
})
