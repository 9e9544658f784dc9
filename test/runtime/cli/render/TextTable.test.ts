import { describe, expect, it } from "@effect/vitest"
import { displayWidth } from "../../../../runtime/cli/render/DisplayWidth.ts"
import { plainStyle } from "../../../../runtime/cli/render/Style.ts"
import { oneLine, textTable, truncate } from "../../../../runtime/cli/render/TextTable.ts"

describe("a table", () => {
  const columns = [{ title: "name", align: "left" }, { title: "value", align: "right" }] as const

  it("aligns, also wide characters", () => {
    expect(textTable(columns, [["é", "1"], ["漢字", "22"]], plainStyle)).toBe("name  value\né         1\n漢字     22")
  })

  it("fits a narrow window", () => {
    const text = textTable(columns, [["a rather long name that does not fit", "123"]], plainStyle, 20)
    expect(text.split("\n").every((line) => line.length <= 20)).toBe(true)
    expect(text).toContain("a rather lon…")
  })

  it("breaks titles before it cuts anything", () => {
    const titled = [
      { title: "policy", align: "left" },
      { title: "preference accuracy per token", align: "right" },
      { title: "pairs", align: "right" }
    ] as const
    expect(textTable(titled, [["gem round 1", "0.983", "120"]], plainStyle, 32).split("\n")).toEqual([
      "               preference",
      "             accuracy per",
      "policy              token  pairs",
      "gem round 1         0.983    120"
    ])
  })

  it("continues below where it cannot be narrower, and shows every number whole at any width", () => {
    const many = ["policy", "answer accuracy", "answers", "preference accuracy", "mean response tokens", "truncated"]
      .map((title, index) => ({ title, align: index === 0 ? "left" as const : "right" as const }))
    const rows = [["gem round 1", "0.76 [0.74, 0.79]", "960", "0.88 [0.80, 0.92]", "41.23", "17"]]
    for (let width = 27; width <= 150; width++) {
      const text = textTable(many, rows, plainStyle, width)
      for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(width)
      for (const number of rows[0]?.slice(1) ?? []) expect(text).toContain(number)
      for (const block of text.split("\n\n")) expect(block).toMatch(/^gem r/m)
    }
    expect(textTable(many, rows, plainStyle, 60).split("\n\n")).toHaveLength(2)
    // Narrower than one column: cut, but never broken by the terminal.
    for (const line of textTable(many, rows, plainStyle, 9).split("\n")) {
      expect(displayWidth(line)).toBeLessThanOrEqual(9)
    }
  })

  it("is as wide as it is where the width is not known", () => {
    expect(textTable(columns, [["é", "1"]], plainStyle, 0)).toBe(textTable(columns, [["é", "1"]], plainStyle))
  })

  it("lets no data drive the terminal", () => {
    expect(oneLine("a\u001b[2Jb\nc")).toBe("a�[2Jb⏎c")
    expect(truncate("abcdef", 4)).toBe("abc…")
  })
})
