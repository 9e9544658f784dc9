import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Column, Node, TableType } from "gemflow"
import { partitionCut } from "../../../runtime/pipeline/PartitionCut.ts"

const Words = TableType.make("Words", { prompt_id: Column.utf8(), word: Column.utf8() })
const base = {
  module: import.meta.url,
  config: Schema.Struct({}),
  inputs: { words: Words, others: Node.many(Words) },
  output: Words,
  determinism: "exact" as const,
  run: () => Effect.succeed([])
}

describe("map", () => {
  it("is of the node, with its default filled in", () => {
    const node = Node.make("mapped", { ...base, map: { over: "words", by: "prompt_id" } })
    expect(node.definition.mapped).toEqual({ over: "words", by: ["prompt_id"], groups: 32 })
    expect(Node.make("whole", base).definition.mapped).toBeUndefined()
  })

  it("names an input with one table, columns of it, and a size", () => {
    const make = (map: object) => () => Node.make("mapped", { ...base, map: map as never })
    expect(make({ over: "pairs", by: "prompt_id" })).toThrow(
      /Mapped\.test\.ts: node mapped: map\.over is "pairs", but it has to be an input that takes one table \(words\)/
    )
    expect(make({ over: "others", by: "prompt_id" })).toThrow(/map\.over is "others"/)
    expect(make({ over: "words", by: ["prompt_id", "id"] })).toThrow(
      /map\.by is \["prompt_id","id"\], but it has to be columns of the input words \(prompt_id, word\)/
    )
    expect(make({ over: "words", by: [] })).toThrow(/map\.by/)
    expect(make({ over: "words", by: "word", groups: 0 })).toThrow(/map\.groups is 0, but .* whole number from 1 on/)
  })

  it("is checked by the compiler", () => {
    // @ts-expect-error there is no such input
    expect(() => Node.make("mapped", { ...base, map: { over: "pairs", by: "prompt_id" } })).toThrow(/map\.over/)
    // @ts-expect-error there is no such column
    expect(() => Node.make("mapped", { ...base, map: { over: "words", by: "pair_id" } })).toThrow(/map\.by/)
    // @ts-expect-error an input of many tables is not cut
    expect(() => Node.make("mapped", { ...base, map: { over: "others", by: "word" } })).toThrow(/map\.over/)
  })
})

describe("partitionCut", () => {
  it("makes partitions of the size asked for, on average", () => {
    for (const groups of [1, 2, 8, 64]) {
      const ends = partitionCut(groups)
      const sizes: Array<number> = []
      let size = 0
      for (let index = 0; index < 20_000; index++) {
        size++
        if (ends(`key ${index}`)) {
          sizes.push(size)
          size = 0
        }
      }
      const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length
      expect(mean, `groups ${groups}`).toBeGreaterThan(groups * 0.75)
      expect(mean, `groups ${groups}`).toBeLessThan(groups * 1.25)
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(Math.max(1, Math.floor(groups / 2)))
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * groups)
    }
  })
})
