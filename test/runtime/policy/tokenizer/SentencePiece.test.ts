/** Tokenizers in the manner of Llama 2 and Mistral: a mark for the space, bytes for what has no character. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ChatMessage } from "../../../../runtime/policy/tokenizer/ChatTemplate.ts"
import { openTokenizer } from "../../../../runtime/policy/tokenizer/PolicyTokenizer.ts"

interface Expected {
  readonly size: number
  readonly texts: ReadonlyArray<
    { readonly text: string; readonly ids: ReadonlyArray<number>; readonly decoded: string }
  >
  readonly chats: ReadonlyArray<{ readonly messages: ReadonlyArray<ChatMessage>; readonly ids: ReadonlyArray<number> }>
}

const pathOf = (kind: string) => fileURLToPath(new URL(`../../../fixtures/tokenizer/${kind}`, import.meta.url))

/** A copy with other settings. */
const withSettings = (kind: string, change: (settings: Record<string, unknown>) => object) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "gemflow-tokenizer-"))
      cpSync(pathOf(kind), directory, { recursive: true })
      const path = join(directory, "tokenizer_config.json")
      writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")))))
      return directory
    }),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )

describe.each(["prepend", "metaspace"])("%s", (kind) => {
  const expected: Expected = JSON.parse(readFileSync(join(pathOf(kind), "expected.json"), "utf8"))

  it.effect("texts and chats become the ids of transformers, and come back as its texts", () =>
    Effect.gen(function*() {
      const tokenizer = yield* openTokenizer(pathOf(kind), expected.size)
      expect([tokenizer.bosId, tokenizer.eosIds, tokenizer.padId]).toEqual([1, [2], 2])
      for (const { decoded, ids, text } of expected.texts) {
        expect([...yield* tokenizer.encode(text)]).toEqual(ids)
        expect(tokenizer.decode(ids)).toBe(decoded)
        expect(tokenizer.pieces(ids).join("")).toBe(decoded)
      }
      for (const { ids, messages } of expected.chats) expect([...yield* tokenizer.encodeChat(messages)]).toEqual(ids)
    }))

  const opened = Effect.runPromise(openTokenizer(pathOf(kind), expected.size))

  it.effect.prop(
    "pieces of any ids join to their text, one for each id; a character is the last of its bytes'",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 290 })))],
    ([ids]) =>
      Effect.gen(function*() {
        const tokenizer = yield* Effect.promise(() => opened)
        const pieces = tokenizer.pieces(ids)
        expect(pieces.length).toBe(ids.length)
        expect(pieces.join("")).toBe(tokenizer.decode(ids))
        ids.forEach((id, index) => {
          // Special tokens, and ids that only the weights have.
          if (id < 3 || id >= expected.size) expect(pieces[index]).toBe("")
        })
      })
  )

  it.effect("a character is the piece of its last byte, a byte of none is U+FFFD, spaces stay where they are", () =>
    Effect.gen(function*() {
      const tokenizer = yield* openTokenizer(pathOf(kind), expected.size)
      const ids = yield* tokenizer.encode("s 世界")
      expect(tokenizer.pieces(ids)).toEqual(["s", " ", "", "", "世", "", "", "界"])
      expect(tokenizer.pieces(ids.subarray(0, -1))).toEqual(["s", " ", ..."\uFFFD".repeat(5)])
      expect(tokenizer.pieces([ids[2] ?? 0, 2, ids[3] ?? 0, ids[4] ?? 0, 280])).toEqual(["", "", "", "世", " the"])
    }))
})

const user = [{ role: "user", content: "the" }]

describe("BOS and EOS", () => {
  it.effect("stand exactly once, whoever writes them", () =>
    Effect.gen(function*() {
      const silent = "{{ messages[0].content }}"
      const cases = [
        // template, add_bos_token, the first ids
        ["{{ bos_token }}the", true, [1, 280]],
        ["{{ bos_token }}the", false, [1, 280]],
        ["{{ bos_token }}{{ bos_token }}the", true, [1, 280]],
        [silent, true, [1, 280]],
        [silent, false, [280]],
        // As the post-processor of tokenizer.json says.
        [silent, undefined, [1, 280]]
      ] as const
      for (const [chat_template, add_bos_token, ids] of cases) {
        const directory = yield* withSettings("prepend", (settings) => ({ ...settings, chat_template, add_bos_token }))
        const tokenizer = yield* openTokenizer(directory, 286)
        expect([...yield* tokenizer.encodeChat(user)]).toEqual(ids)
      }
      const tokenizer = yield* openTokenizer(pathOf("prepend"), 286)
      expect([...yield* tokenizer.encodeResponse("the")]).toEqual([280, 2])
      expect([...yield* tokenizer.encodeResponse("the</s>")]).toEqual([280, 2])
      expect([...yield* tokenizer.encodeResponse("")]).toEqual([2])
    }))

  it.effect("several EOS ids: generation_config.json, else config.json, the tokenizer's own first", () =>
    Effect.gen(function*() {
      const directory = yield* withSettings("prepend", (settings) => settings)
      writeFileSync(join(directory, "config.json"), JSON.stringify({ eos_token_id: [270, 2, 270], pad_token_id: -1 }))
      const fromConfig = yield* openTokenizer(directory, 286)
      expect([fromConfig.eosIds, fromConfig.padId]).toEqual([[2, 270], 2])
      writeFileSync(
        join(directory, "generation_config.json"),
        JSON.stringify({ eos_token_id: [271, 272], pad_token_id: 0 })
      )
      const fromGeneration = yield* openTokenizer(directory, 286)
      expect([fromGeneration.eosIds, fromGeneration.padId]).toEqual([[271, 272], 0])
    }))

  it.effect("a pad token that is unknown or beyond the weights is none; older files name tokens in a map", () =>
    Effect.gen(function*() {
      const unknown = yield* withSettings("prepend", (settings) => ({ ...settings, pad_token: "<pad>" }))
      writeFileSync(join(unknown, "generation_config.json"), JSON.stringify({ pad_token_id: 32000 }))
      expect((yield* openTokenizer(unknown, 286)).padId).toBe(2)
      const older = yield* withSettings("prepend", ({ chat_template }) => ({ chat_template }))
      writeFileSync(
        join(older, "special_tokens_map.json"),
        JSON.stringify({ bos_token: { content: "<s>" }, eos_token: "</s>" })
      )
      const tokenizer = yield* openTokenizer(older, 300)
      expect([tokenizer.bosId, tokenizer.eosIds, tokenizer.vocabularySize]).toEqual([1, [2], 286])
    }))
})
