/**
 * Rows that other rows say must be there and are not found: a damaged page may hide them, where a checksum of each row that
 * is found says nothing of those that are not.
 */
import * as Effect from "effect/Effect"
import { Catalog, CatalogError } from "./Catalog.ts"

class HiddenRows extends Error {}

/** Refuses to answer a question whose rows are not all there. */
export const hidden = Effect.fnUntraced(function*(operation: string, what: string) {
  const { path } = yield* Catalog
  return yield* new CatalogError({ path, operation, cause: new HiddenRows(`${what} are missing: the file is damaged`) })
})

/** Asks again where rows were hidden: another process may have written between two of the questions. */
export const asked = <A, E, R>(question: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(question, {
    times: 2,
    while: (error) => error instanceof CatalogError && error.cause instanceof HiddenRows
  })
