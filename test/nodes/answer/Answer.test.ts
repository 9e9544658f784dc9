import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { extractAnswer, normaliseAnswer, sameAnswer } from "../../../nodes/answer/Answer.ts"
import { defaultMarker, lastMarker, Marker } from "../../../nodes/answer/Marker.ts"

describe("lastMarker", () => {
  it("finds the last occurrence", () => {
    expect(lastMarker("A: 3, no, A: 4", defaultMarker)).toEqual({ start: 10, end: 12 })
  })

  it("does not find a marker inside a word", () => {
    expect(lastMarker("DATA: 3 and answers: 4", defaultMarker)).toBeUndefined()
  })

  it.for([["(", false], ["", false], ["a*", false], ["answer", true], [defaultMarker, true]] as const)(
    "as config, %s is a marker: %s",
    ([source, accepted]) => expect(Schema.is(Marker)(source)).toBe(accepted)
  )
})

describe("extractAnswer", () => {
  it.for(
    [
      ["so 2 + 2 = 4\n#### 4", "4"],
      ["adds up.\nA: 1,234", "1234"],
      ["The answer is **-$18.50**.", "-18.5"],
      ["Answer:\n\n  forty two \n", "forty two"],
      ["so \\boxed{7}", "7"],
      ["A: 3\nwait\nA: 4\nbye", "4"],
      ["Die Antwort ist 4", undefined],
      ["A: ", undefined],
      ["答え: 3 #### ４", "４"]
    ] as const
  )("%j has the answer %j", ([text, answer]) => {
    expect(extractAnswer(text, defaultMarker)).toBe(answer)
  })

  it("takes another marker", () => {
    expect(extractAnswer("Die Antwort ist 4.", "Antwort ist")).toBe("4")
  })
})

describe("normaliseAnswer", () => {
  it.for(
    [
      ["1,234,567.0", "1234567"],
      ["1,23", "1,23"],
      ["007", "7"],
      ["12345678901234567890", "12345678901234567890"],
      ["a  b", "a b"],
      ["$18", "18"],
      ["50%", "50%"]
    ] as const
  )("%j is %j", ([given, normal]) => {
    expect(normaliseAnswer(given)).toBe(normal)
  })
})

describe("sameAnswer", () => {
  it("ignores letter case and nothing else", () => {
    expect(sameAnswer("Paris", "paris")).toBe(true)
    expect(sameAnswer("18", "180")).toBe(false)
  })
})
