import { describe, expect, it } from "@effect/vitest"
import { finalAnswer } from "../../../pipelines/demo/corpus.ts"
import { preferencePairs } from "../../../pipelines/demo/pairs.ts"

const train = preferencePairs(11, 300)
const heldOut = preferencePairs(12, 300, { heldOut: true })

describe("preference pairs", () => {
  it("are a function of the seed", () => {
    expect(preferencePairs(11, 300)).toEqual(train)
    expect(preferencePairs(13, 300)).not.toEqual(train)
  })

  it("choose a right answer over a wrong one", () => {
    for (const row of [...train, ...heldOut]) {
      expect(finalAnswer(row.chosen)).toBe(row.answer)
      expect(finalAnswer(row.rejected)).toBeTypeOf("number")
      expect(finalAnswer(row.rejected)).not.toBe(row.answer)
    }
  })

  it("are graded in equal parts, the hard ones by slips of one", () => {
    for (const difficulty of ["easy", "medium", "hard"]) {
      expect(train.filter((row) => row.difficulty === difficulty)).toHaveLength(100)
    }
    for (const row of train.filter(({ difficulty }) => difficulty === "hard")) {
      expect(row.chosen).toMatch(/^Let us count/)
      expect(Math.abs((finalAnswer(row.rejected) ?? 0) - row.answer)).toBe(1)
    }
  })

  it("never repeat a prompt, within a set or across the split", () => {
    const prompts = [...train, ...heldOut].map(({ prompt }) => prompt)
    expect(new Set(prompts).size).toBe(prompts.length)
    const sums = (rows: typeof train) =>
      rows.map(({ prompt }) => `${/left|gives/.test(prompt)} ${prompt.match(/\d+/g)?.join(" ")}`)
    const known = new Set(sums(train))
    expect(sums(heldOut).filter((sum) => known.has(sum))).toEqual([])
  })
})
