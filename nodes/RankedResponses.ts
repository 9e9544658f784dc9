/**
 * ranked-responses: for each preference pair a list from best to worst for pro: the chosen response, then the candidates that
 * were sampled for its prompt in the order of their ranking, then the rejected one. Without candidates the list is the pair.
 *
 * PRO (Song et al. 2023) ranks such lists by a reward model. Here a response's reward is its place, (n - place) / (n - 1):
 * from 1 to 0 in equal steps, so that no scale of scores has to be agreed between people's choices and candidates. A
 * candidate with the tokens of a response that is in the list already is left out.
 *
 * @errors NotOnePolicy, CandidateNotThere, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Candidates, PreferencePairs, RankedResponses as Responses, Ranking } from "gemflow/artifacts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { Natural, optional } from "./config/Field.ts"
import { maxLength } from "./config/MaxLength.ts"
import { byCandidate } from "./groups/ByCandidate.ts"
import { byPrompt } from "./groups/ByPrompt.ts"
import { encodeResponses } from "./pairs/EncodePairs.ts"
import { openTokenizerOf, PolicyInput } from "./policy/OpenInput.ts"

export const RankedResponses = Node.make("ranked-responses", {
  doc: "Lists the responses to each pair's prompt from best to worst: chosen, ranked candidates, rejected.",
  module: import.meta.url,
  config: Schema.Struct({
    candidates: optional(
      Natural,
      3,
      "Ranked candidates of a list at most, the best of them; lists of 5 in all in the paper."
    ),
    max_length: maxLength,
    cot_suffix: cotSuffix
  }),
  inputs: {
    policy: PolicyInput,
    pairs: TableType.pick(PreferencePairs, "pair_id", "prompt_id", "prompt", "chosen", "rejected"),
    candidates: Node.many(TableType.pick(Candidates, "candidate_id", "tokens")),
    ranking: Node.many(TableType.pick(Ranking, "candidate_id", "prompt_id", "rank"))
  },
  output: Responses,
  determinism: "exact",
  run: Effect.fn("RankedResponses.run")(function*({ config, inputs }) {
    const policy = yield* openTokenizerOf(inputs.policy)
    const candidate = byCandidate(inputs.candidates.flatMap((table) => table.rows()), {
      asked: "ranking",
      lacking: "candidates"
    })
    const rankings = byPrompt(inputs.ranking.flatMap((table) => table.rows()))
    const lists = yield* Effect.forEach(
      inputs.pairs.rows(),
      ({ chosen, pair_id, prompt, prompt_id, rejected }) =>
        Effect.gen(function*() {
          const ranked = (rankings.get(prompt_id) ?? []).toSorted((a, b) => a.rank - b.rank)
          const sampled = yield* Effect.forEach(ranked, ({ candidate_id }) => candidate(candidate_id))
          const others = sampled.map(({ tokens }) => tokens)
          const encoded = yield* encodeResponses(policy, prompt, { texts: [chosen, rejected], others }, config)
          const [best, worst, ...between] = encoded.responses.map((response, index) => ({
            ...response,
            source: index === 0 ? "chosen" : index === 1 ? "rejected" : ranked[index - 2]?.candidate_id ?? ""
          }))
          const ends = [best, worst].flatMap((end) => end ?? [])
          const middle = distinct([...ends, ...between]).slice(2, 2 + config.candidates)
          const list = [...ends.slice(0, 1), ...middle, ...ends.slice(1)]
          return list.map(({ source, tokens, truncated }, index) => ({
            pair_id,
            prompt_id,
            place: index + 1,
            reward: (list.length - 1 - index) / (list.length - 1),
            source,
            prompt_tokens: encoded.prompt,
            tokens,
            truncated
          }))
        })
    )
    return lists.flat()
  })
})

/** The first of each sequence of tokens, but both ends whatever they are. */
const distinct = <A extends { readonly tokens: Int32Array }>(responses: ReadonlyArray<A>): ReadonlyArray<A> => {
  const seen = new Set<string>()
  return responses.filter(({ tokens }, index) => {
    const text = tokens.join()
    const known = seen.has(text)
    seen.add(text)
    return index < 2 || !known
  })
}
