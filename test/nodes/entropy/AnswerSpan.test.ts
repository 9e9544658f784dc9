import { describe, expect, it } from "@effect/vitest"
import { defaultMarker } from "../../../nodes/answer/Marker.ts"
import { amountOf } from "../../../nodes/entropy/AmountOf.ts"
import { answerSpan, type AnswerSpanOptions } from "../../../nodes/entropy/AnswerSpan.ts"

const options: AnswerSpanOptions = { marker: defaultMarker, span: "marker", tail: 0.25, fallback_tail: 0.2 }

describe("answerSpan", () => {
  it("starts at the token of the marker's first character, wherever the tokens are cut", () => {
    expect(answerSpan(["two", " is", "\nA", ":", " 2", ""], options)).toEqual({ start: 2, hasMarker: true })
    expect(answerSpan(["#", "##", "#", " 2"], options)).toEqual({ start: 0, hasMarker: true })
  })

  it("takes the last marker, and is not led astray by pieces of no text", () => {
    expect(answerSpan(["A:", " 3", "", "", " A", ":", " 4"], options)).toEqual({ start: 4, hasMarker: true })
    expect(answerSpan(["", "A:", "1"], options)).toEqual({ start: 1, hasMarker: true })
  })

  it("falls back to the last fifth, at least one token", () => {
    expect(answerSpan(Array.from({ length: 11 }, () => "x"), options)).toEqual({ start: 8, hasMarker: false })
    expect(answerSpan([""], options)).toEqual({ start: 0, hasMarker: false })
  })

  it("splits as the released code does when asked to: the last quarter if a marker is anywhere", () => {
    const pieces = ["A:", " 3", "x", "x", "x", "x", "x", "x"]
    expect(answerSpan(pieces, { ...options, span: "tail" })).toEqual({ start: 6, hasMarker: true })
    expect(answerSpan(pieces, { ...options, span: "tail", tail: 3 })).toEqual({ start: 5, hasMarker: true })
    expect(answerSpan(pieces.slice(1), { ...options, span: "tail" })).toEqual({ start: 5, hasMarker: false })
  })
})

describe("amountOf", () => {
  it("takes shares below 1 and counts from 1 on, at least one of what there is", () => {
    expect(amountOf(0.1, 30)).toBe(3)
    expect(amountOf(0.1, 31)).toBe(4)
    expect(amountOf(0.1, 31, "floor")).toBe(3)
    expect(amountOf(0.1, 5, "floor")).toBe(1)
    expect(amountOf(1, 5)).toBe(1)
    expect(amountOf(9, 5)).toBe(5)
    expect(amountOf(0.1, 0)).toBe(0)
  })
})
