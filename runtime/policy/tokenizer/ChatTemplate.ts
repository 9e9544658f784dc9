/** The chat template of a checkpoint: Jinja, as transformers renders it. */
import { Environment, Interpreter, Template } from "@huggingface/jinja"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { runInNewContext } from "node:vm"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { readOptionalText } from "../checkpoint/CheckpointFile.ts"
import { templateGlobals } from "./TemplateGlobals.ts"
import type { TokenizerSettings } from "./TokenizerConfig.ts"

export interface ChatMessage {
  readonly role: string
  readonly content: string
}

export interface ChatOptions {
  /** Whether the text ends where the assistant begins to speak. Default true. */
  readonly addGenerationPrompt?: boolean
  /** Functions the model may call, as JSON schemas; how they are told is the template's. */
  readonly tools?: ReadonlyArray<object>
  /** What else the template reads: `enable_thinking`, `date_string`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

export interface ChatTemplate {
  readonly render: (
    messages: ReadonlyArray<ChatMessage>,
    options?: ChatOptions
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

/** Compiles a template. `special` are bos_token, eos_token and the like; `path` is where the template came from. */
export const chatTemplate = Effect.fnUntraced(
  function*(path: string, source: string, special: Readonly<Record<string, string>>) {
    const failure = (problem: string, remedy: string) => (cause: unknown) =>
      new CheckpointError({
        path,
        place: "chat_template",
        problem: `${problem}: ${oneLine(cause instanceof Error ? cause.message : String(cause))}`,
        remedy
      })
    const program = yield* Effect.try({
      try: () => new Template(joinedLines(source)).parsed,
      catch: failure("is not a Jinja template", "Correct it, or download the file again.")
    })
    // A watch costs more than a rendering, and a template without an end shows it with its first chat.
    let watched = false
    const render: ChatTemplate["render"] = (
      messages,
      { addGenerationPrompt = true, tools, variables } = {}
    ) =>
      Effect.try({
        try: () => {
          const renderNow = () =>
            renderWith(program, {
              ...templateGlobals,
              ...special,
              ...(tools !== undefined && { tools }),
              ...variables,
              messages: messages.map(({ content, role }) => ({ role, content })),
              add_generation_prompt: addGenerationPrompt
            })
          if (watched) return renderNow()
          const text = withinTime(renderNow)
          watched = true
          return text
        },
        catch: failure(
          "does not render these messages",
          "Correct the template, or the roles and order of the messages it is given."
        )
      })
    const compiled: ChatTemplate = { render }
    return compiled
  }
)

/** In the strings of tags a backslash at the end of a line joins it with the next, which the library does not know. */
const joinedLines = (source: string): string =>
  source.replaceAll(/\{[{%].*?[%}]\}/gs, (tag) => tag.replaceAll(/\\\r?\n/g, ""))

/** `Template.render` with globals of our own: the library's date is today's. */
const renderWith = (program: Template["parsed"], variables: Readonly<Record<string, unknown>>): string => {
  const environment = new Environment()
  for (const [name, value] of Object.entries(variables)) environment.set(name, value)
  return String(new Interpreter(environment).run(program).value)
}

/** A cause that stands inside a sentence. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").replace(/[.\s]+$/, "")

/** The template of a directory: chat_template.jinja, or the one in tokenizer_config.json. */
export const openTemplate = Effect.fnUntraced(
  function*(directory: string, { chatTemplate: stated, path, special }: TokenizerSettings): Effect.fn.Return<
    ChatTemplate,
    CheckpointError
  > {
    const file = "chat_template.jinja"
    const source = yield* readOptionalText(directory, file)
    if (source !== undefined) return yield* chatTemplate(join(directory, file), source, special)
    if (stated !== undefined) return yield* chatTemplate(path, stated, special)
    // A base model has none; it can still encode plain text.
    const missing = new CheckpointError({
      path,
      place: "chat_template",
      problem: "is missing, so chats cannot be encoded",
      remedy: "Add a Jinja chat template to tokenizer_config.json, or a chat_template.jinja beside it."
    })
    return { render: () => Effect.fail(missing) }
  }
)
