/** Reads preference pairs from a JSONL file: each line parsed, numbered and given its stable ids. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { TableType } from "gemflow"
import { digestJson, type PreferencePairs } from "gemflow/artifacts"
import { forEachLine, type LineLimits } from "./JsonLines.ts"
import { type ParsedPair, parsePair } from "./ParsePair.ts"
import { MalformedLine, UnusableFile } from "./PreferencesError.ts"

export interface ReadPairsOptions extends LineLimits {
  readonly path: string
  /** How many pairs to read, from the top; null for all. */
  readonly limit: number | null
}

type PairRow = TableType.Row<typeof PreferencePairs>

/**
 * @errors UnusableFile for a file that cannot be read, is too large or has no pair; MalformedLine for the first line that
 * is not a pair.
 */
export const readPairs = Effect.fn("readPairs")(function*(options: ReadPairsOptions) {
  const { limit, path } = options
  const rows: Array<PairRow> = []
  const seen = new Map<string, number>()
  yield* forEachLine(path, options, (text, line) =>
    Effect.gen(function*() {
      const parsed = parsePair(text)
      if (Result.isFailure(parsed)) return yield* new MalformedLine({ path, line, ...parsed.failure })
      rows.push({ line, ...identify(parsed.success, seen), ...parsed.success })
      return limit === null || rows.length < limit
    }))
  if (rows.length === 0) {
    return yield* new UnusableFile({
      path,
      problem: "has no preference pairs",
      remedy: "Give a file with one JSON object per line, holding prompt, chosen and rejected."
    })
  }
  return rows
})

/** 128 bits of SHA-256: short enough to read, long enough never to collide. */
const id = (content: unknown): string => digestJson(content).slice(0, 32)

/** Ids by content; a pair that occurs again has `:2`, `:3` ... after its id. */
const identify = ({ chosen, prompt, rejected }: ParsedPair, seen: Map<string, number>) => {
  const pair_id = id({ prompt, chosen, rejected })
  const occurrence = (seen.get(pair_id) ?? 0) + 1
  seen.set(pair_id, occurrence)
  return { prompt_id: id(prompt), pair_id: occurrence === 1 ? pair_id : `${pair_id}:${occurrence}` }
}
