import { describe, expect, it } from "@effect/vitest"
import { fitAfter, fitSequence } from "../../../nodes/policy/FitSequence.ts"

const tokens = (length: number) => Int32Array.from({ length }, (_, index) => index)
const context = { contextLength: 10, bosId: undefined }

describe("fitSequence", () => {
  it("leaves alone what fits", () => {
    expect(fitSequence(tokens(6), tokens(4), context)).toEqual({
      prompt: tokens(6),
      response: tokens(4),
      truncated: false
    })
  })

  it("cuts the prompt from the left, down to half of the context", () => {
    const { prompt, response, truncated } = fitSequence(tokens(9), tokens(4), context)
    expect([Array.from(prompt), Array.from(response), truncated]).toEqual([[3, 4, 5, 6, 7, 8], [0, 1, 2, 3], true])
  })

  it("then cuts the response from the right", () => {
    const { prompt, response, truncated } = fitSequence(tokens(9), tokens(8), context)
    expect([Array.from(prompt), Array.from(response), truncated]).toEqual([[4, 5, 6, 7, 8], [0, 1, 2, 3, 4], true])
    expect(fitSequence(tokens(2), tokens(20), context).response).toHaveLength(8)
  })

  it("keeps the token that begins a sequence", () => {
    const { prompt } = fitSequence(tokens(9), tokens(4), { ...context, bosId: 0 })
    expect(Array.from(prompt)).toEqual([0, 4, 5, 6, 7, 8])
  })

  it("gives all responses of a pair the same prompt, and says of each whether anything was cut", () => {
    const fit = fitAfter(tokens(7), 5, context)
    expect(fit(tokens(1)).prompt).toEqual(fit(tokens(5)).prompt)
    expect([fit(tokens(1)).truncated, fit(tokens(5)).truncated]).toEqual([true, true])
    const whole = fitAfter(tokens(2), 20, context)
    expect([whole(tokens(1)).truncated, whole(tokens(20)).truncated]).toEqual([false, true])
  })
})
