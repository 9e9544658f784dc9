import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type ChatMessage, chatTemplate } from "../../../../runtime/policy/tokenizer/ChatTemplate.ts"

interface Rendering {
  readonly name: string
  readonly template: string
  readonly messages: ReadonlyArray<ChatMessage>
  readonly variables: Readonly<Record<string, unknown>>
  readonly text: string
}
const renderings: ReadonlyArray<Rendering> = JSON.parse(
  readFileSync(new URL("../../../fixtures/tokenizer/templates.json", import.meta.url), "utf8")
)
const special = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" }

const render = (source: string, path = "tokenizer_config.json") =>
  Effect.gen(function*() {
    const template = yield* chatTemplate(path, source, special)
    return yield* template.render([{ role: "user", content: "hi" }])
  })

describe("a chat template", () => {
  for (const { messages, name, template, text, variables: { tools, ...variables } } of renderings) {
    it.effect(`renders as in transformers: ${name}`, () =>
      Effect.gen(function*() {
        const compiled = yield* chatTemplate("tokenizer_config.json", template, special)
        const given = Array.isArray(tools) ? { tools } : {}
        expect(yield* compiled.render(messages, { ...given, variables })).toBe(text)
      }))
  }

  it.effect("that fails names its file, in one sentence", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(render("{{ raise_exception('no\\n users.') }}"))
      expect(error.message).toBe(
        "tokenizer_config.json, chat_template: does not render these messages: no users. Correct the template, or the "
          + "roles and order of the messages it is given."
      )
      const unknown = yield* Effect.flip(render("{{ messages | shuffle }}"))
      expect(unknown.message).toMatch(/does not render these messages: Unknown .*shuffle/)
      const stored = join("/store/directories/ab", "ab12".repeat(16), "chat_template.jinja")
      expect((yield* Effect.flip(render("{{ raise_exception(1) }}", stored))).message).toContain(
        "chat_template.jinja of the checkpoint ab12ab12ab12 in the store, chat_template: does not render"
      )
    }))

  it.effect("that never ends is stopped", () =>
    Effect.gen(function*() {
      const endless = "{% for i in range(60000) %}{% for j in range(60000) %}{% set x = j %}{% endfor %}{% endfor %}"
      const error = yield* Effect.flip(render(endless))
      expect(error.message).toContain("tokenizer_config.json, chat_template: does not render these messages")
      expect(error.message).toContain("timed out after 5000ms")
    }), 30_000)

  it.effect("counts as Python's range does", () =>
    Effect.gen(function*() {
      const ranges = ["range(3)", "range(2, 5)", "range(5, 0, -2)", "range(3, 1)"]
      const texts = yield* Effect.forEach(ranges, (range) => render(`{{ ${range} | join(',') }}`))
      expect(texts).toEqual(["0,1,2", "2,3,4", "5,3,1", ""])
    }))
})
