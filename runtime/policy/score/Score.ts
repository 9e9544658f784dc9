/** Scores given responses, in batches of similar length, each on a free worker. */
import * as Effect from "effect/Effect"
import { sequenceBatches } from "../Batches.ts"
import { checkScore } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import { spread } from "../parallel/Spread.ts"
import { tally } from "../parallel/Tally.ts"
import type { Score, ScoreRequest } from "../Policy.ts"
import { notNumbers } from "../PolicyError.ts"
import { inputLength, sequenceBatch } from "../SequenceBatch.ts"
import { scoreProgram } from "./ScoreProgram.ts"

export const score = (engine: Engine) =>
  Effect.fn("Policy.score")(function*({ onProgress, sequences }: ScoreRequest) {
    const { config } = engine.checkpoint
    const problem = checkScore(config, sequences)
    if (problem !== undefined) return yield* problem
    const build = () => scoreProgram(config, engine.checkpoint.source, engine.limits.tokens)
    const progress = tally(sequences.length, onProgress)
    const scores = new Map<number, Score>()
    yield* spread(
      engine.workers,
      sequenceBatches(config, sequences.map(inputLength), "score", engine.limits),
      Effect.fnUntraced(function*(worker, indices, batch) {
        const session = yield* worker.program("score", build)
        const members = indices.flatMap((index) => sequences[index] ?? [])
        const { positions, targets, tokens } = sequenceBatch(members, engine.padId)
        const { entropies, logProbs } = yield* session.run({
          feeds: { tokens, positions, targets },
          fetch: ["logProbs", "entropies"],
          move: true
        })
        let start = 0
        indices.forEach((index, member) => {
          const end = start + (members[member]?.response.length ?? 0)
          scores.set(index, {
            logProbs: Float32Array.from(logProbs.data.subarray(start, end), Number),
            entropies: Float32Array.from(entropies.data.subarray(start, end), Number)
          })
          start = end
        })
        const broken = indices.find((index) => scores.get(index)?.logProbs.some(Number.isNaN))
        if (broken !== undefined) return yield* notNumbers("score", `sequences[${broken}]`)
        yield* progress.report(batch, indices.length)
      })
    )
    return sequences.flatMap((_, index) => scores.get(index) ?? [])
  })
