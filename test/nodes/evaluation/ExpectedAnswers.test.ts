import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { defaultMarker } from "../../../nodes/answer/Marker.ts"
import { expectedAnswers } from "../../../nodes/evaluation/ExpectedAnswers.ts"
import { messageOf } from "../tables.ts"

const pair = (prompt_id: string, chosen: string, line = 1) => ({
  pair_id: `${prompt_id}-${line}`,
  prompt_id,
  line,
  chosen
})
const options = { marker: defaultMarker, without_answer: "error" } as const

describe("expectedAnswers", () => {
  it.effect("takes the answer of each prompt's first pair", () =>
    Effect.gen(function*() {
      const answers = yield* expectedAnswers([pair("a", "A: 1"), pair("a", "A: 2", 2), pair("b", "#### 3")], options)
      expect(answers.map(({ expected, prompt_id }) => [prompt_id, expected])).toEqual([["a", "1"], ["b", "3"]])
    }))

  it.effect("names the pair without an answer, or leaves it out when told so", () =>
    Effect.gen(function*() {
      const pairs = [pair("a", "A: 1"), pair("b", "who knows", 7)]
      const message = yield* messageOf(expectedAnswers(pairs, options))
      expect(message).toContain("Pair b-7 (line 7 of the data): the chosen response has no answer")
      expect(message).toContain("without_answer to skip")
      expect(yield* expectedAnswers(pairs, { ...options, without_answer: "skip" })).toHaveLength(1)
    }))

  it.effect("refuses data in which no prompt has an answer, also when told to skip", () =>
    Effect.gen(function*() {
      const message = yield* messageOf(expectedAnswers([pair("b", "hm")], { ...options, without_answer: "skip" }))
      expect(message).toContain("No prompt has one: set marker")
    }))
})
