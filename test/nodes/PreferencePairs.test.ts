import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PreferencePairs as Pairs } from "gemflow/artifacts"
import { PreferencePairs } from "gemflow/nodes"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { runPure, temporaryDirectory } from "./runNode.ts"
import { messageOf } from "./tables.ts"

const read = (content: string | Uint8Array, config: object = {}) =>
  Effect.gen(function*() {
    const path = join(yield* temporaryDirectory, "pairs.jsonl")
    writeFileSync(path, content)
    return (yield* runPure(PreferencePairs, Pairs, { path, ...config })).rows()
  }).pipe(Effect.scoped)

const json = (...lines: ReadonlyArray<unknown>) => lines.map((line) => JSON.stringify(line)).join("\n")

const pair = { prompt: "two and two?", chosen: "four", rejected: "five" }
const user = { role: "user", content: "two and two?" }
const says = (content: string) => ({ role: "assistant", content })

describe("preference-pairs", () => {
  it.effect("reads texts, and numbers lines from 1", () =>
    Effect.gen(function*() {
      const rows = yield* read(json(pair, { ...pair, rejected: "six", difficulty: "hard", more: [1] }))
      expect(rows).toMatchObject([
        { line: 1, prompt: [user], chosen: "four", rejected: "five", difficulty: null },
        { line: 2, prompt: [user], chosen: "four", rejected: "six", difficulty: "hard" }
      ])
    }))

  it.effect("reads chat messages in every shape as the same pair", () =>
    Effect.gen(function*() {
      const rows = yield* read(json(
        pair,
        { prompt: [user], chosen: [says("four")], rejected: [says("five")] },
        { prompt: "two and two?", chosen: [user, says("four")], rejected: [user, says("five")] },
        { chosen: [user, says("four")], rejected: [user, says("five")] }
      ))
      for (const row of rows) expect(row).toMatchObject({ prompt: [user], chosen: "four", rejected: "five" })
      expect(new Set(rows.map(({ prompt_id }) => prompt_id)).size).toBe(1)
      const { pair_id } = rows[0] ?? { pair_id: "" }
      expect(rows.map((row) => row.pair_id)).toEqual([pair_id, `${pair_id}:2`, `${pair_id}:3`, `${pair_id}:4`])
    }))

  it.effect("tells prompts apart by their messages, and keeps ids when lines move", () =>
    Effect.gen(function*() {
      const other = { ...pair, prompt: [{ role: "system", content: "be brief" }, user] }
      const [first, second] = yield* read(json(pair, other))
      const [moved] = yield* read(json(other, pair))
      expect(first?.prompt_id).not.toBe(second?.prompt_id)
      expect(moved).toEqual({ ...second, line: 1 })
    }))

  it.effect("takes a byte order mark, CRLF, blank lines, other alphabets and a last line without end in stride", () =>
    Effect.gen(function*() {
      const text = `\uFEFF${json(pair)}\r\n\r\n  \n${json({ ...pair, prompt: "二と二は？ 👋 שלום" })}`
      const rows = yield* read(text)
      expect(rows.map(({ line }) => line)).toEqual([1, 4])
      expect(rows[1]?.prompt).toEqual([{ role: "user", content: "二と二は？ 👋 שלום" }])
    }))

  it.effect("reads across its chunks of 64 KiB, wherever they cut a character", () =>
    Effect.gen(function*() {
      const lines = Array.from({ length: 40 }, (_, index) => ({ ...pair, chosen: `${"é👋".repeat(1500)}${index}` }))
      const rows = yield* read(json(...lines))
      expect(rows.map(({ chosen }) => chosen)).toEqual(lines.map(({ chosen }) => chosen))
    }))

  it.effect("stops at the limit, before it meets what follows", () =>
    Effect.gen(function*() {
      const rows = yield* read(`${json(pair, pair)}\nnot json`, { limit: 2 })
      expect(rows).toHaveLength(2)
    }))

  it.effect.each([
    ["{", "line 1: expected a JSON object, found text that is not JSON"],
    ["{", "in JSON at position 1)."],
    ["[]", "line 1: expected a JSON object, found a list"],
    [json({ chosen: "a", rejected: "b" }), "line 1, field prompt: expected text or a list of chat messages"],
    [json({ ...pair, prompt: 3 }), "field prompt: expected text or a list of chat messages, found the number 3"],
    [json({ ...pair, prompt: "  " }), "field prompt: expected text or a list of chat messages that is not blank"],
    [json({ ...pair, chosen: undefined }), "field chosen: expected text or a list of chat messages, found nothing"],
    [json({ ...pair, rejected: null }), "field rejected: expected text or a list of chat messages, found null"],
    [json({ ...pair, prompt: [] }), "field prompt: expected at least one chat message, found an empty list"],
    [json({ ...pair, prompt: ["hi"] }), "field prompt[0]: expected a chat message"],
    [
      json({ ...pair, prompt: [{ role: "robot", content: "hi" }] }),
      "field prompt[0].role: expected one of system, user"
    ],
    [
      json({ ...pair, prompt: [{ role: "user", content: [] }] }),
      "field prompt[0].content: expected text, found a list"
    ],
    [json({ ...pair, chosen: [user] }), "field chosen[0].role: expected assistant"],
    [json({ ...pair, chosen: [{ ...user, content: "other" }, says("a")] }), "field chosen: expected only the response"],
    [
      json({ chosen: [user, says("a")], rejected: [says("q"), says("b")] }),
      "field rejected: expected only the response"
    ],
    [json({ ...pair, difficulty: {} }), "field difficulty: expected text or a number, found an object"],
    [
      json(pair).replace("}", ", \"difficulty\": 1e999}"),
      "field difficulty: expected text or a number, found the number"
    ],
    [`${json(pair)}\n\n${json({ ...pair, chosen: "\ud800" })}`, "line 3, field chosen: expected well-formed Unicode"]
  ])("refuses %s", ([text, expected]) =>
    Effect.gen(function*() {
      const message = yield* messageOf(read(text ?? ""))
      expect(message).toContain("pairs.jsonl, line ")
      expect(message).toContain(expected)
    }))

  it.effect("refuses bytes that are not UTF-8, naming the line", () =>
    Effect.gen(function*() {
      const bytes = Buffer.concat([Buffer.from(`${json(pair)}\n{"prompt": "`), Buffer.of(0xff), Buffer.from("\"}")])
      expect(yield* messageOf(read(bytes))).toContain("pairs.jsonl, line 2: expected UTF-8 text")
    }))

  it.effect("bounds lines and files", () =>
    Effect.gen(function*() {
      const long = json({ ...pair, chosen: "x".repeat(200_000) })
      expect(yield* messageOf(read(`${json(pair)}\n${long}\n`, { max_line_bytes: 100_000 })))
        .toContain("pairs.jsonl, line 2: expected at most 100000 bytes (max_line_bytes), found more")
      expect(yield* read(long, { max_line_bytes: 300_000 })).toHaveLength(1)
      expect(yield* messageOf(read(json(pair), { max_file_bytes: 10 }))).toContain("more than max_file_bytes 10")
    }))

  it.effect("refuses an empty data set, a directory and a file that is not there", () =>
    Effect.gen(function*() {
      expect(yield* messageOf(read("\n \n"))).toContain("pairs.jsonl: has no preference pairs. Give a file with")
      const directory = yield* temporaryDirectory
      expect(yield* messageOf(runPure(PreferencePairs, Pairs, { path: directory }))).toContain(
        "is a Directory, not a file"
      )
      const absent = join(directory, "absent.jsonl")
      expect(yield* messageOf(runPure(PreferencePairs, Pairs, { path: absent }))).toContain(`${absent}: cannot be read`)
    }).pipe(Effect.scoped))
})
