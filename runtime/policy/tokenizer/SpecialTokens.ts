/** The ids that begin, end and fill sequences. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { decodeFile, readOptionalJson } from "../checkpoint/CheckpointFile.ts"
import { listOf, readGenerationDefaults } from "../checkpoint/GenerationConfig.ts"
import type { TokenizerSettings } from "./TokenizerConfig.ts"

export interface SpecialTokens {
  readonly bosId: number | undefined
  /** Ids that end a response; the tokenizer's own first. */
  readonly eosIds: ReadonlyArray<number>
  /** Fills batches; never seen by a loss, so any id will do. */
  readonly padId: number
}

const ConfigIds = Schema.Struct({
  eos_token_id: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.Int, Schema.Array(Schema.Int)]))),
  pad_token_id: Schema.optionalKey(Schema.NullOr(Schema.Int))
})

/**
 * What ends a response: generation_config.json knows best, then config.json, then the tokenizer's eos_token. What fills
 * batches: the first of the tokenizer's pad_token, generation_config.json and config.json that the weights embed; else
 * the first id that ends a response, as is usual for models without one (Llama).
 *
 * @param idOf the id of a token's name.
 */
export const specialTokens = Effect.fnUntraced(
  function*(
    directory: string,
    vocabularySize: number,
    settings: TokenizerSettings,
    idOf: (name: string) => number | undefined
  ) {
    const named = Effect.fnUntraced(function*(field: "bos_token" | "eos_token") {
      const name = settings.special[field]
      if (name === undefined) return undefined
      const id = idOf(name)
      if (id !== undefined) return id
      return yield* new CheckpointError({
        path: settings.path,
        place: field,
        problem: `is ${JSON.stringify(name)}, which tokenizer.json does not contain`,
        remedy: "Use the tokenizer_config.json that was saved with this tokenizer.json."
      })
    })
    const bosId = yield* named("bos_token")
    const eosId = yield* named("eos_token")
    const generation = yield* readGenerationDefaults(directory)
    const config = yield* decodeFile(
      join(directory, "config.json"),
      ConfigIds,
      yield* readOptionalJson(directory, "config.json")
    )
    const choices = [generation.eosIds, listOf(config.eos_token_id), eosId === undefined ? [] : [eosId]]
    const found = [...new Set(choices.find((choice) => choice.length > 0) ?? [])]
    // The tokenizer's own eos_token first: it is what the chat template ends a turn with.
    const eosIds = eosId !== undefined && found.includes(eosId) ? [eosId, ...found.filter((id) => id !== eosId)] : found
    const [first] = eosIds
    if (first === undefined || eosIds.some((id) => !embedded(id))) {
      return yield* new CheckpointError({
        path: join(directory, "generation_config.json"),
        place: "eos_token_id",
        problem: first === undefined ? "is missing" : `is [${eosIds}], beyond the vocabulary of ${vocabularySize}`,
        remedy: "State in generation_config.json or config.json the id that ends a response."
      })
    }
    const padName = settings.special.pad_token
    const pads = [padName === undefined ? undefined : idOf(padName), generation.padId, config.pad_token_id]
    const padId = pads.find((id): id is number => typeof id === "number" && embedded(id)) ?? first
    const tokens: SpecialTokens = { bosId, eosIds, padId }
    return tokens

    function embedded(id: number): boolean {
      return id >= 0 && id < vocabularySize
    }
  }
)
