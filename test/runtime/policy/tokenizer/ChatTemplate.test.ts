import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { chatTemplate } from "../../../../runtime/policy/tokenizer/ChatTemplate.ts"

const render = (source: string) =>
  Effect.gen(function*() {
    const template = yield* chatTemplate("tokenizer_config.json", source, { eos_token: "!" })
    return yield* template.render([{ role: "user", content: "hi" }], { addGenerationPrompt: true })
  })

describe("a chat template", () => {
  it.effect("renders messages and variables", () =>
    Effect.gen(function*() {
      const text = yield* render("{{ messages[0].role }}: {{ messages[0].content }}{{ eos_token }}")
      expect(text).toBe("user: hi!")
    }))

  it.effect("that fails names its file", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(render("{{ raise_exception('no users') }}"))
      expect(error.message).toContain("tokenizer_config.json, chat_template: does not render these messages: no users.")
    }))

  it.effect("that never ends is stopped", () =>
    Effect.gen(function*() {
      const endless = "{% for i in range(60000) %}{% for j in range(60000) %}{% set x = j %}{% endfor %}{% endfor %}"
      const error = yield* Effect.flip(render(endless))
      expect(error.message).toContain("tokenizer_config.json, chat_template: does not render these messages")
      expect(error.message).toContain("timed out after 5000ms")
    }), 30_000)
})
