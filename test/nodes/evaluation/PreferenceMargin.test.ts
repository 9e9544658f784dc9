import { describe, expect, it } from "@effect/vitest"
import { preferenceMargin } from "../../../nodes/evaluation/PreferenceMargin.ts"

describe("preferenceMargin", () => {
  it("compares sums, and means per token, which may disagree", () => {
    const margin = preferenceMargin(Float32Array.of(-1, -1, -1, -1), Float32Array.of(-3), 0.5)
    expect(margin).toEqual({
      chosen_log_prob: -4,
      rejected_log_prob: -3,
      chosen_tokens: 4,
      rejected_tokens: 1,
      margin: -0.5,
      margin_per_token: 1,
      correct: false,
      correct_per_token: true
    })
  })

  it("does not count a tie as correct", () => {
    const tie = preferenceMargin(Float32Array.of(-1), Float32Array.of(-1), 1)
    expect([tie.correct, tie.correct_per_token]).toEqual([false, false])
  })
})
