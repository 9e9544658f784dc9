/** Work that is cut in independent pieces, spread over workers. */
import * as Effect from "effect/Effect"

/**
 * Does each piece on one of the workers: a free worker takes the next. Results come in the order of the pieces, and must
 * not depend on the worker. Pieces are handed out from the last to the first: they ascend by length, and a long one
 * that is begun last would leave the others waiting. One that fails stops all.
 */
export const spread = <Worker, Piece, A, E, R>(
  workers: ReadonlyArray<Worker>,
  pieces: ReadonlyArray<Piece>,
  work: (worker: Worker, piece: Piece, index: number) => Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.suspend(() => {
    const left = [...pieces.entries()]
    const results = new Map<number, A>()
    const takeAll = Effect.fnUntraced(function*(worker: Worker) {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [index, piece] = next
        results.set(index, yield* work(worker, piece, index))
      }
    })
    return Effect.forEach(workers.slice(0, pieces.length), takeAll, { concurrency: "unbounded", discard: true }).pipe(
      Effect.map(() => [...results].toSorted(([a], [b]) => a - b).map(([, result]) => result))
    )
  })
