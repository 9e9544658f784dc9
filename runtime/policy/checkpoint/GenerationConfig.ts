/** generation_config.json: how the makers of a checkpoint mean it to be sampled. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { decodeFile, readOptionalJson } from "./CheckpointFile.ts"

/** What the file says, as a request to generate takes it; what it does not say is absent. */
export interface GenerationDefaults {
  /** 0, which is greedy, where the file says `do_sample: false`. */
  readonly temperature?: number
  /** Absent also where the file says 0, which keeps all. */
  readonly topK?: number
  readonly topP?: number
  readonly maxNewTokens?: number
  /** Ids that end a response. */
  readonly eosIds: ReadonlyArray<number>
  readonly padId?: number
  /** Settings of the file that gemflow does not apply, as "repetition_penalty 1.05". */
  readonly unapplied: ReadonlyArray<string>
}

const Ids = Schema.Union([Schema.Int, Schema.Array(Schema.Int)])
const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const GenerationJson = Schema.Struct({
  do_sample: optional(Schema.Boolean),
  temperature: optional(Amount),
  top_k: optional(Schema.Int),
  top_p: optional(Amount),
  max_new_tokens: optional(Schema.Int),
  eos_token_id: optional(Ids),
  pad_token_id: optional(Schema.Int)
})

/** Fields that change which tokens are chosen, with the value that changes nothing. */
const neutral: Readonly<Record<string, unknown>> = {
  repetition_penalty: 1,
  encoder_repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  min_p: 0,
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  min_length: 0,
  min_new_tokens: 0,
  num_beams: 1,
  penalty_alpha: 0,
  guidance_scale: 1,
  forced_bos_token_id: undefined,
  forced_eos_token_id: undefined,
  bad_words_ids: undefined,
  suppress_tokens: undefined,
  begin_suppress_tokens: undefined,
  sequence_bias: undefined
}

/** The defaults of a directory; without the file there are none. */
export const readGenerationDefaults = Effect.fnUntraced(function*(directory: string) {
  const content = yield* readOptionalJson(directory, "generation_config.json")
  const json = yield* decodeFile(join(directory, "generation_config.json"), GenerationJson, content)
  const { max_new_tokens: maxNewTokens, pad_token_id: padId, top_k: topK, top_p: topP } = json
  const temperature = json.do_sample === false ? 0 : json.temperature
  const defaults: GenerationDefaults = {
    ...(typeof temperature === "number" && { temperature }),
    ...(typeof topK === "number" && topK > 0 && { topK }),
    ...(typeof topP === "number" && { topP }),
    ...(typeof maxNewTokens === "number" && { maxNewTokens }),
    ...(typeof padId === "number" && { padId }),
    eosIds: listOf(json.eos_token_id),
    unapplied: unapplied(content)
  }
  return defaults
})

/** `eos_token_id` as files have it: one id, several, or none. */
export const listOf = (ids: number | ReadonlyArray<number> | null | undefined): ReadonlyArray<number> =>
  typeof ids === "number" ? [ids] : ids ?? []

const unapplied = (content: unknown): ReadonlyArray<string> =>
  Object.entries(Object(content)).flatMap(([name, value]) =>
    Object.hasOwn(neutral, name) && (value ?? undefined) !== undefined && value !== neutral[name]
      ? [`${name} ${JSON.stringify(value)}`]
      : []
  )
