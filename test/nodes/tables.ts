import * as Effect from "effect/Effect"
import type { TableType } from "gemflow"
import { Candidates, EntropyScores, PreferencePairs, Ranking } from "gemflow/artifacts"
import { Table } from "../../artifacts/Table.ts"

type Row<T extends TableType.Any> = TableType.Row<T>

/** Pairs with the given fields; the rest is filled in. */
export const pairsTable = (rows: ReadonlyArray<Partial<Row<typeof PreferencePairs>>>) =>
  Table.fromRows(
    PreferencePairs,
    rows.map((row, index) => ({
      pair_id: `pair-${index}`,
      prompt_id: `prompt-${index}`,
      line: index + 1,
      prompt: [{ role: "user", content: `question ${index}` }],
      chosen: "yes\nA: 1",
      rejected: "no\nA: 2",
      difficulty: null,
      ...row
    }))
  )

/** Candidates of one prompt, one per list of entropies; each token's piece is "x" unless given. */
export const candidatesTable = (
  rows: ReadonlyArray<{ readonly entropies: ReadonlyArray<number>; readonly pieces?: ReadonlyArray<string> }>
) =>
  Table.fromRows(
    Candidates,
    rows.map(({ entropies, pieces }, candidate) => ({
      candidate_id: `q:${candidate}`,
      prompt_id: "q",
      candidate,
      prompt: [{ role: "user", content: "question" }],
      prompt_tokens: Int32Array.of(1),
      prompt_truncated: false,
      tokens: Int32Array.from(entropies, () => 1),
      token_text: pieces ?? entropies.map(() => "x"),
      text: (pieces ?? []).join(""),
      token_log_prob: Float32Array.from(entropies, () => -1),
      token_entropy: Float32Array.from(entropies),
      finished: true
    }))
  )

/** Scores by prompt: `{ q: [0.1, 0.2] }`, each with the same standard error. */
export const scoresTable = (groups: Readonly<Record<string, ReadonlyArray<number>>>, score_sd = 0.1) =>
  Table.fromRows(
    EntropyScores,
    Object.entries(groups).flatMap(([prompt_id, scores]) =>
      scores.map((score, candidate) => ({
        candidate_id: `${prompt_id}:${candidate}`,
        prompt_id,
        candidate,
        final_entropy: 0,
        branching_entropy: 0,
        score,
        score_sd,
        answer_start: 0,
        has_marker: true,
        response_tokens: 1,
        branch_tokens: 0
      }))
    )
  )

/** A ranking by the scores themselves. */
export const rankingTable = (groups: Readonly<Record<string, ReadonlyArray<number>>>) =>
  Table.fromRows(
    Ranking,
    Object.entries(groups).flatMap(([prompt_id, scores]) =>
      scores.map((score, candidate) => ({
        candidate_id: `${prompt_id}:${candidate}`,
        prompt_id,
        candidate,
        score,
        mu: score / 10,
        sigma: 1,
        rank: 1 + scores.filter((other, index) => other > score || other === score && index < candidate).length
      }))
    )
  )

/** The error of an effect that should fail, as a sentence. */
export const messageOf = <A, E extends Error, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(effect), ({ message }) => message)
