import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { sentence } from "../../../runtime/execution/NodeFailure.ts"

describe("sentence", () => {
  it("is one line", () => {
    expect(sentence(Cause.fail("first\n  second\r\nthird\n"))).toBe("first second third")
  })

  it("spells out control characters, which data from outside may hold", () => {
    expect(sentence(Cause.fail("found \"\u001b[31mred\u0007\u009b\""))).toBe("found \"\\u001b[31mred\\u0007\\u009b\"")
  })
})
