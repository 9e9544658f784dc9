/** tokenizer_config.json: the names of special tokens, and the chat template. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { decodeFile, parseJson, readOptionalJson, readText } from "../checkpoint/CheckpointFile.ts"

export const CONFIG_FILE = "tokenizer_config.json"

const TokenName = Schema.Union([Schema.String, Schema.Struct({ content: Schema.String })])
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

export const specialFields = ["bos_token", "eos_token", "pad_token", "unk_token"] as const
export type SpecialField = (typeof specialFields)[number]

const names = {
  bos_token: optional(TokenName),
  eos_token: optional(TokenName),
  pad_token: optional(TokenName),
  unk_token: optional(TokenName)
}
const TokenizerConfig = Schema.Struct({
  ...names,
  add_bos_token: optional(Schema.Boolean),
  chat_template: optional(Schema.Union([
    Schema.String,
    Schema.Array(Schema.Struct({ name: Schema.String, template: Schema.String }))
  ]))
})

export interface TokenizerSettings {
  /** Of the file, for errors. */
  readonly path: string
  /** The names of special tokens. */
  readonly special: Readonly<Partial<Record<SpecialField, string>>>
  /** Whether a text begins with BOS; where the file does not say, the tokenizer's post-processor does. */
  readonly addsBos: boolean | undefined
  readonly chatTemplate: string | undefined
}

/** Names that tokenizer_config.json leaves out are looked up in special_tokens_map.json, where older files have them. */
export const readTokenizerSettings = Effect.fnUntraced(function*(directory: string) {
  const path = join(directory, CONFIG_FILE)
  const content = yield* parseJson(directory, CONFIG_FILE, yield* readText(directory, CONFIG_FILE))
  const settings = yield* decodeFile(path, TokenizerConfig, content)
  const map = "special_tokens_map.json"
  const older = yield* decodeFile(join(directory, map), Schema.Struct(names), yield* readOptionalJson(directory, map))
  const special = Object.fromEntries(specialFields.flatMap((field) => {
    const name = field in settings ? settings[field] : older[field]
    return name === undefined || name === null ? [] : [[field, typeof name === "string" ? name : name.content]]
  }))
  const template = settings.chat_template ?? undefined
  const read: TokenizerSettings = {
    path,
    special,
    addsBos: settings.add_bos_token ?? undefined,
    chatTemplate: typeof template === "string" ? template : template?.find(({ name }) => name === "default")?.template
  }
  return read
})
