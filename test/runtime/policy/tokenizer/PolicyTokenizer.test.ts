import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openTokenizer } from "../../../../runtime/policy/tokenizer/PolicyTokenizer.ts"
import { checkpointPath, names, reference } from "../reference.ts"

/** A copy of a checkpoint, with some files rewritten. */
const altered = (name: string, change: (read: (file: string) => string) => Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "gemflow-tokenizer-"))
      cpSync(checkpointPath(name), directory, { recursive: true })
      const files = change((file) => readFileSync(join(directory, file), "utf8"))
      for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
      return directory
    }),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )

describe("PolicyTokenizer", () => {
  for (const name of names) {
    it.effect(`chats are encoded as transformers encodes them, BOS exactly once: ${name}`, () =>
      Effect.gen(function*() {
        const { chat, eosIds } = reference(name)
        const tokenizer = yield* openTokenizer(checkpointPath(name), 280)
        expect(tokenizer.eosIds).toEqual(eosIds)
        expect([tokenizer.bosId, tokenizer.padId, tokenizer.vocabularySize]).toEqual([0, 2, 280])
        for (const { ids, messages } of chat) {
          const encoded = yield* tokenizer.encodeChat(messages)
          expect([...encoded]).toEqual(ids)
          expect(encoded.filter((id) => id === tokenizer.bosId)).toEqual(Int32Array.of(0))
        }
        const user = [{ role: "user", content: "ten" }]
        const [open, closed] = [
          yield* tokenizer.encodeChat(user),
          yield* tokenizer.encodeChat(user, { addGenerationPrompt: false })
        ]
        expect([...open]).toEqual([...closed, 4])
      }))
  }

  it.effect("BOS comes once also when the template writes none or two", () =>
    Effect.gen(function*() {
      const without = yield* altered("untied-gqa", (read) => ({
        "chat_template.jinja": read("chat_template.jinja").replace("{{ bos_token }}", "")
      }))
      const twice = yield* altered("untied-gqa", (read) => ({
        "chat_template.jinja": `{{ bos_token }}${read("chat_template.jinja")}`
      }))
      const { ids, messages } = reference("untied-gqa").chat[1] ?? { ids: [], messages: [] }
      for (const directory of [without, twice]) {
        expect([...yield* (yield* openTokenizer(directory, 280)).encodeChat(messages)]).toEqual(ids)
      }
    }))

  it.effect("a response ends with the tokenizer's own end-of-sequence id, plain text with none", () =>
    Effect.gen(function*() {
      const tokenizer = yield* openTokenizer(checkpointPath("untied-gqa"), 280)
      const text = yield* tokenizer.encode("seven and three")
      expect([...yield* tokenizer.encodeResponse("seven and three")]).toEqual([...text, 1])
      expect(text.includes(0) || text.includes(1)).toBe(false)
      expect(tokenizer.decode([0, 4, ...text, 1, 2])).toBe("seven and three")
      expect(tokenizer.pieces([4, ...text, 1]).join("")).toBe("seven and three")
      expect(tokenizer.pieces([4, ...text, 1]).at(-1)).toBe("")
    }))

  const opened = Effect.runPromise(openTokenizer(checkpointPath("untied-gqa"), 280))

  it.effect.prop(
    "any text comes back from encode and decode, and from its pieces",
    [Schema.String],
    ([raw]) =>
      Effect.gen(function*() {
        const text = raw.toWellFormed()
        const tokenizer = yield* Effect.promise(() => opened)
        const ids = yield* tokenizer.encode(text)
        expect(tokenizer.decode(ids)).toBe(text)
        expect(tokenizer.pieces(ids).join("")).toBe(text)
      })
  )

  it.effect.prop(
    "pieces of any ids, also of broken characters, join to their decoded text",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 279 })))],
    ([ids]) =>
      Effect.gen(function*() {
        const tokenizer = yield* Effect.promise(() => opened)
        const pieces = tokenizer.pieces(ids)
        expect(pieces.length).toBe(ids.length)
        expect(pieces.join("")).toBe(tokenizer.decode(ids))
      })
  )

  it.effect("other alphabets and emoji: a character spread over tokens belongs to its last one", () =>
    Effect.gen(function*() {
      const tokenizer = yield* openTokenizer(checkpointPath("untied-gqa"), 280)
      const text = "żółć 世界 👩🏽‍🚀 مرحبا\n\tend"
      const ids = yield* tokenizer.encode(text)
      expect(tokenizer.decode(ids)).toBe(text)
      const pieces = tokenizer.pieces(ids)
      expect(pieces.join("")).toBe(text)
      expect(pieces.some((piece) => piece.includes("\uFFFD"))).toBe(false)
    }))

  const faults: ReadonlyArray<readonly [string, Parameters<typeof altered>[1], RegExp]> = [
    [
      "a tokenizer cut short",
      (read) => ({ "tokenizer.json": read("tokenizer.json").slice(0, 500) }),
      /tokenizer\.json: is not JSON/
    ],
    [
      "a tokenizer of no model",
      () => ({ "tokenizer.json": "{}" }),
      /tokenizer\.json: is not a tokenizer \(.*Model missing/
    ],
    [
      "an unknown special token",
      (read) => ({ "tokenizer_config.json": read("tokenizer_config.json").replace("<|end|>", "<|stop|>") }),
      /tokenizer_config\.json, eos_token: is "<\|stop\|>", which tokenizer\.json does not contain/
    ],
    [
      "a template that is not Jinja",
      () => ({ "chat_template.jinja": "{% for %}" }),
      /chat_template\.jinja, chat_template: is not a Jinja/
    ],
    [
      "an end id beyond the vocabulary",
      () => ({ "generation_config.json": `{"eos_token_id": [1, 900]}` }),
      /eos_token_id: is \[1,900\]/
    ],
    [
      "an end id of another type",
      () => ({ "generation_config.json": `{"eos_token_id": "x"}` }),
      /generation_config\.json: does not decode/
    ]
  ]
  for (const [what, change, message] of faults) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(openTokenizer(yield* altered("untied-gqa", change), 280))
        expect(error.message).toMatch(message)
      }))
  }

  it.effect("refuses a tokenizer with more ids than the weights embed, and a template's own refusal is told", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(openTokenizer(checkpointPath("untied-gqa"), 200))
      expect(error.message).toContain("has token ids up to 279, but the weights embed only 200 tokens")
      const directory = yield* altered("untied-gqa", () => ({
        "chat_template.jinja":
          "{% if messages[0].role != 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}"
      }))
      const tokenizer = yield* openTokenizer(directory, 280)
      const refused = yield* Effect.flip(tokenizer.encodeChat([{ role: "system", content: "" }]))
      expect(refused.message).toContain("roles must alternate")
    }))
})
