import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PreferencePairs } from "gemflow/artifacts"
import { Split } from "gemflow/nodes"
import { runPure } from "./runNode.ts"
import { messageOf, pairsTable } from "./tables.ts"

const split = (prompts: ReadonlyArray<string>, config: object) =>
  Effect.gen(function*() {
    const pairs = yield* pairsTable(prompts.map((prompt_id) => ({ prompt_id })))
    const part = (name: string) =>
      Effect.map(runPure(Split, PreferencePairs, { part: name, ...config }, { pairs }), (table) => table.rows())
    return { train: yield* part("train"), heldOut: yield* part("held-out") }
  })

const promptsOf = (rows: ReadonlyArray<{ readonly prompt_id: string }>) =>
  new Set(rows.map(({ prompt_id }) => prompt_id))
const prompts = Array.from({ length: 40 }, (_, index) => `prompt-${index % 20}`)

describe("split", () => {
  it.effect("puts every pair on one side, and no prompt on both", () =>
    Effect.gen(function*() {
      const { heldOut, train } = yield* split(prompts, { held_out: 0.25 })
      expect(train.length + heldOut.length).toBe(40)
      expect(promptsOf(heldOut).size).toBe(5)
      expect(promptsOf(train).size).toBe(15)
      expect(train.some(({ prompt_id }) => promptsOf(heldOut).has(prompt_id))).toBe(false)
    }))

  it.effect("does not depend on the order of the lines, and does on the seed", () =>
    Effect.gen(function*() {
      const once = promptsOf((yield* split(prompts, { held_out: 0.25 })).heldOut)
      const reversed = promptsOf((yield* split(prompts.toReversed(), { held_out: 0.25 })).heldOut)
      const seeded = promptsOf((yield* split(prompts, { held_out: 0.25, seed: 1 })).heldOut)
      expect(reversed).toEqual(once)
      expect(seeded).not.toEqual(once)
    }))

  it.effect("holds out at least one prompt, and not all", () =>
    Effect.gen(function*() {
      for (const held_out of [0.01, 0.99]) {
        const { heldOut, train } = yield* split(["a", "b"], { held_out })
        expect([train.length, heldOut.length]).toEqual([1, 1])
      }
    }))

  it.effect("refuses one prompt, however many pairs it has", () =>
    Effect.gen(function*() {
      expect(yield* messageOf(split(["a", "a"], {}))).toContain("The pairs have 1 distinct prompt;")
    }))
})
