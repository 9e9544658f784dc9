/** Joins candidates with their advantages, by candidate_id, and cuts them to the policy's context. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Context, fitSequence } from "../policy/FitSequence.ts"

/** An advantage of a candidate that is not among the candidates. */
export class MissingCandidate extends Schema.TaggedError<MissingCandidate>()("MissingCandidate", {
  candidate_id: Schema.String
}) {
  override get message() {
    return `Candidate ${this.candidate_id} has an advantage but is not among the candidates; wire to update the same `
      + `candidates that were scored.`
  }
}

interface Candidate {
  readonly candidate_id: string
  readonly prompt_tokens: Int32Array
  readonly tokens: Int32Array
  readonly finished: boolean
}

interface Weight {
  readonly candidate_id: string
  readonly prompt_id: string
  readonly reward: number
  readonly weight: number
}

/** The candidates that have an advantage, in the order of the advantages. @errors MissingCandidate */
export const weightedCandidates = Effect.fnUntraced(function*(
  candidates: ReadonlyArray<Candidate>,
  weights: ReadonlyArray<Weight>,
  context: Context
) {
  const byId = new Map(candidates.map((candidate) => [candidate.candidate_id, candidate]))
  return yield* Effect.forEach(weights, ({ candidate_id, prompt_id, reward, weight }) => {
    const candidate = byId.get(candidate_id)
    if (candidate === undefined) return Effect.fail(new MissingCandidate({ candidate_id }))
    const { finished, prompt_tokens, tokens } = candidate
    return Effect.succeed({ ...fitSequence(prompt_tokens, tokens, context), prompt_id, finished, reward, weight })
  })
})
