/**
 * One line of a preference file: an object with `prompt`, `chosen` and `rejected`, each text or a list of chat messages, and
 * optionally `difficulty`. Other fields are left alone. The shapes in use:
 *
 * - texts: `{"prompt": "...", "chosen": "...", "rejected": "..."}`; the prompt is then one user message
 * - messages: prompt as a list of `{"role", "content"}`, the responses as lists of one assistant message
 * - whole conversations: chosen and rejected as lists that repeat the prompt and end in an assistant message, with the
 *   `prompt` field equal to what they share, or absent
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

export interface Message {
  readonly role: string
  readonly content: string
}

export interface ParsedPair {
  readonly prompt: ReadonlyArray<Message>
  readonly chosen: string
  readonly rejected: string
  readonly difficulty: string | null
}

/** Where a line is not a pair: a field, empty for the whole line, what was expected there and what was found. */
export interface Malformed {
  readonly field: string
  readonly expected: string
  readonly found: string
}

type Parsed<A> = Result.Result<A, Malformed>

const roles = ["system", "user", "assistant", "tool"]

export const parsePair = (text: string): Parsed<ParsedPair> =>
  Result.gen(function*() {
    const line = yield* parseObject(text)
    const given = line.prompt === undefined ? undefined : yield* parsePrompt(line.prompt)
    const chosen = yield* parseResponse(line.chosen, "chosen", given)
    const rejected = yield* parseResponse(line.rejected, "rejected", chosen.prompt)
    const difficulty = yield* parseDifficulty(line.difficulty)
    return { prompt: chosen.prompt, chosen: chosen.response, rejected: rejected.response, difficulty }
  })

const malformed = (field: string, expected: string, found: string): Parsed<never> =>
  Result.fail({ field, expected, found })

const parseObject = (text: string): Parsed<Record<PropertyKey, unknown>> => {
  const value = Result.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) => ({ field: "", expected: "a JSON object", found: `text that is not JSON (${reason(error)})` })
  })
  return Result.flatMap(
    value,
    (value) => Predicate.isObject(value) ? Result.succeed(value) : malformed("", "a JSON object", describe(value))
  )
}

/** The parser's reason, without its own line number: it counts from the line that it was given. */
const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/ \(line \d+ column \d+\)$/, "")

const parsePrompt = (value: unknown): Parsed<ReadonlyArray<Message>> =>
  Array.isArray(value)
    ? parseMessages(value, "prompt")
    : Result.map(parseText(value, "prompt", textOrMessages), (content) => [{ role: "user", content }])

const textOrMessages = "text or a list of chat messages"

/** A response, and the prompt it answers: `prompt` where that is known, else what the conversation says before it. */
const parseResponse = (
  value: unknown,
  field: string,
  prompt: ReadonlyArray<Message> | undefined
): Parsed<{ readonly prompt: ReadonlyArray<Message>; readonly response: string }> => {
  if (!Array.isArray(value)) {
    return Result.flatMap(parseText(value, field, textOrMessages), (response) =>
      prompt === undefined
        ? malformed("prompt", `${textOrMessages} (only whole conversations may leave it out)`, "nothing")
        : Result.succeed({ prompt, response }))
  }
  return Result.flatMap(parseMessages(value, field), (messages) => {
    const before = messages.slice(0, -1)
    const last = messages.at(-1)
    if (last?.role !== "assistant") {
      return malformed(
        `${field}[${messages.length - 1}].role`,
        "assistant, because the last message is the response",
        last?.role ?? "nothing"
      )
    }
    if (prompt === undefined) {
      return before.length === 0
        ? malformed("prompt", `${textOrMessages}, or conversations that begin with it`, "nothing")
        : Result.succeed({ prompt: before, response: last.content })
    }
    return before.length === 0 || sameMessages(before, prompt)
      ? Result.succeed({ prompt, response: last.content })
      : malformed(field, "only the response, or a conversation that begins with the pair's prompt", "another beginning")
  })
}

const sameMessages = (a: ReadonlyArray<Message>, b: ReadonlyArray<Message>): boolean =>
  a.length === b.length &&
  a.every(({ content, role }, index) => role === b[index]?.role && content === b[index].content)

const parseMessages = (values: ReadonlyArray<unknown>, field: string): Parsed<ReadonlyArray<Message>> =>
  values.length === 0
    ? malformed(field, "at least one chat message", "an empty list")
    : Result.all(values.map((value, index) => parseMessage(value, `${field}[${index}]`)))

const parseMessage = (value: unknown, field: string): Parsed<Message> =>
  Result.gen(function*() {
    if (!Predicate.isObject(value)) {
      return yield* malformed(field, "a chat message {\"role\", \"content\"}", describe(value))
    }
    const { role } = value
    if (!Predicate.isString(role) || !roles.includes(role)) {
      return yield* malformed(`${field}.role`, `one of ${roles.join(", ")}`, describe(role))
    }
    return { role, content: yield* parseText(value.content, `${field}.content`, "text") }
  })

const parseText = (value: unknown, field: string, expected: string): Parsed<string> => {
  if (!Predicate.isString(value)) return malformed(field, expected, describe(value))
  if (value.trim() === "") return malformed(field, `${expected} that is not blank`, "blank text")
  // A lone surrogate has no UTF-8 form: a tokenizer would silently read another text.
  return value.isWellFormed() ? Result.succeed(value) : malformed(field, "well-formed Unicode", "a lone surrogate")
}

const parseDifficulty = (value: unknown): Parsed<string | null> => {
  if (value === undefined || value === null) return Result.succeed(null)
  // JSON has no infinity, but JSON.parse makes one of 1e999.
  return Number.isFinite(value) ? Result.succeed(String(value)) : parseText(value, "difficulty", "text or a number")
}

const describe = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (!Predicate.isString(value)) {
    return Predicate.isObject(value)
      ? "an object"
      : `the ${typeof value} ${String(value)}`
  }
  return value.length > 40 ? `the text "${value.slice(0, 40)}…"` : `the text "${value}"`
}
