/** A JSONL file with random changes is read right or refused by file and line. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PreferencePairs as Pairs } from "gemflow/artifacts"
import { PreferencePairs } from "gemflow/nodes"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mutated, Mutations } from "../artifacts/fixtures/Mutation.ts"
import { runPure } from "./runNode.ts"

const user = { role: "user", content: "two and two? 🙂" }
const lines = [
  { prompt: "two and two?", chosen: "four", rejected: "five", difficulty: "easy" },
  { prompt: [user], chosen: [{ role: "assistant", content: "vier" }], rejected: "five" },
  { chosen: [user, { role: "assistant", content: "4" }], rejected: [user, { role: "assistant", content: "5" }] }
]
const whole = Buffer.from(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`)
const path = join(mkdtempSync(join(tmpdir(), "gemflow-pairs-")), "pairs.jsonl")

describe("preference-pairs", () => {
  it.effect.prop(
    "refuses changed files by name, or reads pairs of them",
    [Mutations],
    ([mutations]) =>
      Effect.gen(function*() {
        const bytes = mutated(whole, mutations)
        writeFileSync(path, bytes)
        const result = yield* Effect.result(runPure(PreferencePairs, Pairs, { path }))
        if (result._tag === "Failure") {
          expect(result.failure).toMatchObject({
            _tag: expect.stringMatching(/^(UnusableFile|MalformedLine)$/),
            message: expect.stringContaining(path)
          })
          return
        }
        const breaks = bytes.toString("latin1").split("\n").length
        for (const { chosen, line, prompt, rejected } of result.success.rows()) {
          expect(line).toBeLessThanOrEqual(breaks)
          expect(prompt.length).toBeGreaterThan(0)
          expect(typeof chosen + typeof rejected).toBe("stringstring")
        }
      }),
    { arbitrary: { runs: 150 } }
  )
})
