/** The chat template of a checkpoint: Jinja, as transformers renders it. */
import { Template } from "@huggingface/jinja"
import * as Effect from "effect/Effect"
import { runInNewContext } from "node:vm"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"

export interface ChatMessage {
  readonly role: string
  readonly content: string
}

export interface ChatTemplate {
  readonly render: (
    messages: ReadonlyArray<ChatMessage>,
    options: { readonly addGenerationPrompt: boolean }
  ) => Effect.Effect<string, CheckpointError>
}

/** A template from outside may loop for ever; one chat renders in milliseconds. */
const MAX_MILLISECONDS = 5000

/** The text that `work` makes; throws when that takes too long. */
const withinTime = (work: () => string): string => {
  let text = ""
  const run = () => {
    text = work()
  }
  runInNewContext("run()", { run }, { timeout: MAX_MILLISECONDS })
  return text
}

/** Compiles a template. `variables` are bos_token, eos_token and the like; `path` is where the template came from. */
export const chatTemplate = Effect.fnUntraced(
  function*(path: string, source: string, variables: Readonly<Record<string, string>>) {
    const failure = (problem: string) => (cause: unknown) =>
      new CheckpointError({
        path,
        place: "chat_template",
        problem: `${problem}: ${cause instanceof Error ? cause.message : String(cause)}`,
        remedy: "Correct the template, or the roles and order of the messages it is given."
      })
    const template = yield* Effect.try({ try: () => new Template(source), catch: failure("is not a Jinja template") })
    // A watch costs more than a rendering, and a template without an end shows it with its first chat.
    let watched = false
    const render: ChatTemplate["render"] = (messages, { addGenerationPrompt }) =>
      Effect.try({
        try: () => {
          const renderNow = () =>
            template.render({
              ...variables,
              messages: messages.map(({ content, role }) => ({ role, content })),
              add_generation_prompt: addGenerationPrompt
            })
          if (watched) return renderNow()
          const text = withinTime(renderNow)
          watched = true
          return text
        },
        catch: failure("does not render these messages")
      })
    return { render }
  }
)
