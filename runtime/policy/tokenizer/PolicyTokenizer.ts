/** The tokenizer of a checkpoint: text and chats to token ids and back. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { Tokenizer } from "tokenizers"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { parseJson, readOptionalJson, readOptionalText, readText } from "../checkpoint/CheckpointFile.ts"
import { type ChatMessage, type ChatTemplate, chatTemplate } from "./ChatTemplate.ts"
import { tokenPieces } from "./TokenPieces.ts"

export interface PolicyTokenizer {
  /** Ids of a chat in the checkpoint's template, with BOS exactly once; by default ready for the assistant's turn. */
  readonly encodeChat: (
    messages: ReadonlyArray<ChatMessage>,
    options?: { readonly addGenerationPrompt?: boolean }
  ) => Effect.Effect<Int32Array, CheckpointError>
  /** Ids of a text alone: no BOS, no EOS. */
  readonly encode: (text: string) => Effect.Effect<Int32Array, CheckpointError>
  /** Ids of an assistant's response: the text and the end-of-sequence id a policy should learn to emit after it. */
  readonly encodeResponse: (text: string) => Effect.Effect<Int32Array, CheckpointError>
  /** Text of ids; special tokens (BOS, EOS, turn markers) are left out. */
  readonly decode: (ids: ArrayLike<number>) => string
  /** The text each id adds; joined they are `decode(ids)`. A special token adds "". */
  readonly pieces: (ids: ArrayLike<number>) => ReadonlyArray<string>
  readonly bosId: number | undefined
  /** Ids that end a response; the first is the one `encodeResponse` appends. */
  readonly eosIds: ReadonlyArray<number>
  readonly padId: number
  /** Largest token id plus one. */
  readonly vocabularySize: number
}

const TokenName = Schema.Union([Schema.String, Schema.Struct({ content: Schema.String })])
const TokenizerConfig = Schema.Struct({
  bos_token: Schema.optionalKey(Schema.NullOr(TokenName)),
  eos_token: Schema.optionalKey(Schema.NullOr(TokenName)),
  pad_token: Schema.optionalKey(Schema.NullOr(TokenName)),
  chat_template: Schema.optionalKey(Schema.NullOr(Schema.Union([
    Schema.String,
    Schema.Array(Schema.Struct({ name: Schema.String, template: Schema.String }))
  ])))
})
type TokenizerConfig = typeof TokenizerConfig.Type

const TokenizerJson = Schema.Struct({
  added_tokens: Schema.optionalKey(Schema.Array(Schema.Struct({ id: Schema.Int, special: Schema.Boolean })))
})

const TokenIds = Schema.Struct({
  eos_token_id: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.Int, Schema.Array(Schema.Int)]))),
  pad_token_id: Schema.optionalKey(Schema.NullOr(Schema.Int))
})

const nameOf = (token: TokenizerConfig["bos_token"]): string | undefined =>
  token === undefined || token === null ? undefined : typeof token === "string" ? token : token.content

const decodeFile = Effect.fnUntraced(
  function*<A>(path: string, schema: Schema.ConstraintDecoder<A>, content: unknown) {
    const result = Schema.decodeUnknownResult(schema)(content)
    if (Result.isSuccess(result)) return result.success
    return yield* new CheckpointError({
      path,
      place: "",
      problem: `does not decode: ${String(result.failure.message).replaceAll(/\s*\n\s*/g, " ")}`,
      remedy: "Correct the named field, or download the file again."
    })
  }
)

/**
 * Opens tokenizer.json and tokenizer_config.json (with chat_template.jinja and generation_config.json when present).
 *
 * @param vocabularySize entries of the embedding table: a tokenizer with more ids does not belong to the weights.
 */
export const openTokenizer = Effect.fn("PolicyTokenizer.open")(function*(directory: string, vocabularySize: number) {
  const path = join(directory, "tokenizer.json")
  const fault = (place: string, problem: string, remedy: string) =>
    new CheckpointError({ path, place, problem, remedy })
  const source = yield* readText(directory, "tokenizer.json")
  const description = yield* decodeFile(path, TokenizerJson, yield* parseJson(directory, "tokenizer.json", source))
  const tokenizer = yield* Effect.try({
    try: () => Tokenizer.fromString(source),
    catch: (cause) => fault("", `is not a tokenizer (${String(cause)})`, "Download the file again.")
  })
  // A truncation or padding stored in the file would silently change what is encoded.
  tokenizer.disableTruncation()
  tokenizer.disablePadding()
  const size = Object.values(tokenizer.getVocab(true)).reduce((most, id) => Math.max(most, id + 1), 0)
  if (size > vocabularySize) {
    return yield* fault(
      "",
      `has token ids up to ${
        size - 1
      }, but the weights embed only ${vocabularySize} tokens (vocab_size in config.json)`,
      "Use the tokenizer that was saved with these weights."
    )
  }

  const settingsPath = join(directory, "tokenizer_config.json")
  const settingsText = yield* readText(directory, "tokenizer_config.json")
  const settings = yield* decodeFile(
    settingsPath,
    TokenizerConfig,
    yield* parseJson(directory, "tokenizer_config.json", settingsText)
  )
  const idOf = Effect.fnUntraced(function*(field: "bos_token" | "eos_token" | "pad_token") {
    const name = nameOf(settings[field])
    if (name === undefined) return undefined
    const id = tokenizer.tokenToId(name)
    if (id !== null) return id
    return yield* new CheckpointError({
      path: settingsPath,
      place: field,
      problem: `is ${JSON.stringify(name)}, which tokenizer.json does not contain`,
      remedy: "Use the tokenizer_config.json that was saved with this tokenizer.json."
    })
  })
  const bosId = yield* idOf("bos_token")
  const { eosIds, padId } = yield* endIds(directory, vocabularySize, yield* idOf("eos_token"), yield* idOf("pad_token"))
  const special = new Set((description.added_tokens ?? []).filter((token) => token.special).map((token) => token.id))
  const template = yield* templateOf(directory, settings, settingsPath)

  const ids = (text: string, addSpecialTokens: boolean) =>
    Effect.tryPromise({
      try: async () => (await tokenizer.encode(text, null, { addSpecialTokens })).getIds(),
      catch: (cause) =>
        fault("", `cannot encode a text (${String(cause)})`, "Check that the text is well-formed Unicode.")
    })
  const addsBos = bosId !== undefined && (yield* ids("", true)).includes(bosId)

  const encodeChat: PolicyTokenizer["encodeChat"] = Effect.fnUntraced(function*(messages, options) {
    const text = yield* template.render(messages, { addGenerationPrompt: options?.addGenerationPrompt ?? true })
    const encoded = yield* ids(text, false)
    if (bosId === undefined) return Int32Array.from(encoded)
    // Templates such as Llama 3's write BOS themselves, others leave it to the tokenizer.
    const own = encoded.findIndex((id) => id !== bosId)
    const rest = own === -1 ? [] : encoded.slice(own)
    return Int32Array.from(own !== 0 || addsBos ? [bosId, ...rest] : rest)
  })

  const decoder = tokenizer.getDecoder()
  const decodeIds = (all: ReadonlyArray<number>): string => {
    const tokens = all.filter((id) => !special.has(id)).flatMap((id) => tokenizer.idToToken(id) ?? [])
    return decoder === null ? tokens.join(" ") : decoder.decode(tokens)
  }
  const policyTokenizer: PolicyTokenizer = {
    encodeChat,
    encode: (text) => ids(text, false).pipe(Effect.map((encoded) => Int32Array.from(encoded))),
    encodeResponse: (text) =>
      ids(text, false).pipe(Effect.map((encoded) => Int32Array.from([...encoded, ...eosIds.slice(0, 1)]))),
    decode: (all) => decodeIds(Array.from(all)),
    pieces: (all) => tokenPieces(Array.from(all), decodeIds),
    bosId,
    eosIds,
    padId,
    vocabularySize: size
  }
  return policyTokenizer
})

/** End and padding ids: generation_config.json knows best, then config.json, then the tokenizer's eos_token. */
const endIds = Effect.fnUntraced(
  function*(directory: string, vocabularySize: number, eosId: number | undefined, padId: number | undefined) {
    const read = Effect.fnUntraced(function*(file: string) {
      const found = yield* decodeFile(join(directory, file), TokenIds, yield* readOptionalJson(directory, file))
      const eos = found.eos_token_id ?? []
      return { eosIds: typeof eos === "number" ? [eos] : eos, padId: found.pad_token_id ?? undefined }
    })
    const generation = yield* read("generation_config.json")
    const config = yield* read("config.json")
    const choices = [generation.eosIds, config.eosIds, eosId === undefined ? [] : [eosId]]
    const found = choices.find((choice) => choice.length > 0) ?? []
    // The tokenizer's own eos_token first: it is what the chat template ends a turn with.
    const eosIds = eosId !== undefined && found.includes(eosId) ? [eosId, ...found.filter((id) => id !== eosId)] : found
    if (eosIds.length === 0 || eosIds.some((id) => id < 0 || id >= vocabularySize)) {
      return yield* new CheckpointError({
        path: join(directory, "generation_config.json"),
        place: "eos_token_id",
        problem: eosIds.length === 0 ? "is missing" : `is [${eosIds}], beyond the vocabulary of ${vocabularySize}`,
        remedy: "State in generation_config.json or config.json the id that ends a response."
      })
    }
    return { eosIds, padId: padId ?? generation.padId ?? config.padId ?? eosIds[0] ?? 0 }
  }
)

const templateOf = Effect.fnUntraced(
  function*(
    directory: string,
    settings: TokenizerConfig,
    settingsPath: string
  ): Effect.fn.Return<ChatTemplate, CheckpointError> {
    const variables = Object.fromEntries((["bos_token", "eos_token", "pad_token"] as const).flatMap((field) => {
      const name = nameOf(settings[field])
      return name === undefined ? [] : [[field, name]]
    }))
    const file = yield* readOptionalText(directory, "chat_template.jinja")
    if (file !== undefined) return yield* chatTemplate(join(directory, "chat_template.jinja"), file, variables)
    const stated = settings.chat_template
    const source = typeof stated === "string" ? stated : stated?.find(({ name }) => name === "default")?.template
    if (source !== undefined) return yield* chatTemplate(settingsPath, source, variables)
    // A base model has none; it can still encode plain text.
    const missing = new CheckpointError({
      path: settingsPath,
      place: "chat_template",
      problem: "is missing, so chats cannot be encoded",
      remedy: "Add a Jinja chat template to tokenizer_config.json, or a chat_template.jinja beside it."
    })
    return { render: () => Effect.fail(missing) }
  }
)
