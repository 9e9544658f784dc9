/** The tokenizer of a checkpoint: text and chats to token ids and back. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { Tokenizer } from "tokenizers"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { decodeFile, parseJson, readText } from "../checkpoint/CheckpointFile.ts"
import { type ChatMessage, type ChatOptions, openTemplate } from "./ChatTemplate.ts"
import { type SpecialTokens, specialTokens } from "./SpecialTokens.ts"
import { readTokenizerSettings } from "./TokenizerConfig.ts"
import { tokenPieces } from "./TokenPieces.ts"

/**
 * Embedding tables may have more rows than the tokenizer has tokens (Qwen pads them). Such ids can be sampled, as in
 * transformers, so that log-probs are those of the distribution that is sampled from; as text they are "".
 */
export interface PolicyTokenizer extends SpecialTokens {
  /**
   * Ids of a chat in the checkpoint's template, by default ready for the assistant's turn. BOS comes exactly once where
   * the template writes it (once or twice) or the tokenizer puts it before texts, and else not at all.
   */
  readonly encodeChat: (
    messages: ReadonlyArray<ChatMessage>,
    options?: ChatOptions
  ) => Effect.Effect<Int32Array, CheckpointError>
  /** Ids of a text alone: no BOS, no EOS. */
  readonly encode: (text: string) => Effect.Effect<Int32Array, CheckpointError>
  /**
   * Ids of an assistant's response: the text and the end-of-sequence id a policy should learn to emit after it, which is
   * not added to a text that ends with one already.
   */
  readonly encodeResponse: (text: string) => Effect.Effect<Int32Array, CheckpointError>
  /** Text of ids; special tokens (BOS, EOS, turn markers) are left out. Spaces are never "cleaned up". */
  readonly decode: (ids: ArrayLike<number>) => string
  /** The text each id adds; joined they are `decode(ids)`. A special token adds "". */
  readonly pieces: (ids: ArrayLike<number>) => ReadonlyArray<string>
  /** Largest token id plus one. */
  readonly vocabularySize: number
}

const TokenizerJson = Schema.Struct({
  added_tokens: Schema.optionalKey(Schema.Array(Schema.Struct({ id: Schema.Int, special: Schema.Boolean })))
})

/**
 * Opens tokenizer.json and tokenizer_config.json (with chat_template.jinja and generation_config.json when present).
 *
 * @param vocabularySize entries of the embedding table: a tokenizer with more ids does not belong to the weights.
 */
export const openTokenizer = Effect.fn("PolicyTokenizer.open")(function*(directory: string, vocabularySize: number) {
  const path = join(directory, "tokenizer.json")
  const fault = (problem: string, remedy: string) => new CheckpointError({ path, place: "", problem, remedy })
  const source = yield* readText(directory, "tokenizer.json")
  const description = yield* decodeFile(path, TokenizerJson, yield* parseJson(directory, "tokenizer.json", source))
  const tokenizer = yield* Effect.try({
    try: () => Tokenizer.fromString(source),
    catch: (cause) => fault(`is not a tokenizer (${String(cause)})`, "Download the file again.")
  })
  // A truncation or padding stored in the file would silently change what is encoded.
  tokenizer.disableTruncation()
  tokenizer.disablePadding()
  const size = Object.values(tokenizer.getVocab(true)).reduce((most, id) => Math.max(most, id + 1), 0)
  if (size > vocabularySize) {
    return yield* fault(
      `has token ids up to ${
        size - 1
      }, but the weights embed only ${vocabularySize} tokens (vocab_size in config.json)`,
      "Use the tokenizer that was saved with these weights."
    )
  }
  const settings = yield* readTokenizerSettings(directory)
  const tokens = yield* specialTokens(
    directory,
    vocabularySize,
    settings,
    (name) => tokenizer.tokenToId(name) ?? undefined
  )
  const { bosId, eosIds } = tokens
  const special = new Set((description.added_tokens ?? []).filter((token) => token.special).map((token) => token.id))
  const template = yield* openTemplate(directory, settings)

  const ids = (text: string, addSpecialTokens: boolean) =>
    Effect.tryPromise({
      try: async () => (await tokenizer.encode(text, null, { addSpecialTokens })).getIds(),
      catch: (cause) => fault(`cannot encode a text (${String(cause)})`, "Check that the text is well-formed Unicode.")
    })
  const addsBos = bosId !== undefined && (settings.addsBos ?? (yield* ids("", true)).includes(bosId))

  const encodeChat: PolicyTokenizer["encodeChat"] = Effect.fnUntraced(function*(messages, options) {
    const text = yield* template.render(messages, options)
    const encoded = yield* ids(text, false)
    if (bosId === undefined) return Int32Array.from(encoded)
    // Templates such as Llama 3's write BOS themselves, others leave it to the tokenizer.
    const own = encoded.findIndex((id) => id !== bosId)
    const rest = own === -1 ? [] : encoded.slice(own)
    return Int32Array.from(own !== 0 || addsBos ? [bosId, ...rest] : rest)
  })

  const encodeResponse: PolicyTokenizer["encodeResponse"] = Effect.fnUntraced(function*(text) {
    const encoded = yield* ids(text, false)
    const ended = eosIds.includes(encoded.at(-1) ?? -1)
    return Int32Array.from(ended ? encoded : [...encoded, ...eosIds.slice(0, 1)])
  })

  const decoder = tokenizer.getDecoder()
  const decodeTokens = (tokens: ReadonlyArray<string>): string =>
    decoder === null ? tokens.join(" ") : decoder.decode([...tokens])
  /** Undefined for ids without a text: special ones, and those that only the weights have. */
  const tokenOf = (id: number): string | undefined => special.has(id) ? undefined : tokenizer.idToToken(id) ?? undefined
  const decode: PolicyTokenizer["decode"] = (all) => decodeTokens(Array.from(all).flatMap((id) => tokenOf(id) ?? []))
  const pieces: PolicyTokenizer["pieces"] = (all) => {
    const tokens = Array.from(all, tokenOf)
    const texts = tokenPieces(tokens.filter((token) => token !== undefined), decodeTokens).values()
    return tokens.map((token) => token === undefined ? "" : texts.next().value ?? "")
  }
  const policyTokenizer: PolicyTokenizer = {
    ...tokens,
    encodeChat,
    encode: (text) => ids(text, false).pipe(Effect.map((encoded) => Int32Array.from(encoded))),
    encodeResponse,
    decode,
    pieces,
    vocabularySize: size
  }
  return policyTokenizer
})
