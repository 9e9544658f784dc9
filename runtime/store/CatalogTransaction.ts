/** Changes of the catalog that concern many of its rows at once, such as cleaning up or taking in another store's. */
import * as Effect from "effect/Effect"
import { DatabaseSync } from "node:sqlite"
import { CatalogError, catalogPath } from "../lineage/Catalog.ts"
import { writeOutRepetitions } from "../lineage/Repetitions.ts"

/** Milliseconds to wait for another process's write. */
const busyTimeout = 10_000

/**
 * Runs `work` on a store's catalog in one transaction: no other process writes meanwhile, and nothing is changed when it
 * throws. The catalog must have been opened by `Catalog.layer` before, which brings its tables up to date.
 *
 * @param operation continues "could not be used to …"
 * @param other another catalog's file, which `work` finds as `other`
 */
export const catalogTransaction = <A>(
  store: string,
  operation: string,
  work: (database: DatabaseSync) => A,
  other?: string
): Effect.Effect<A, CatalogError> =>
  withCatalog(store, operation, (database) => {
    if (other !== undefined) database.prepare("ATTACH ? AS other").run(other)
    database.exec("BEGIN IMMEDIATE")
    try {
      writeOutRepetitions(database)
      const result = work(database)
      database.exec("COMMIT")
      return result
    } catch (error) {
      database.exec("ROLLBACK")
      throw error
    }
  })

/** As `catalogTransaction`, and whatever `work` changes is undone: to see what a change would do. */
export const catalogRehearsal = <A>(
  store: string,
  operation: string,
  work: (database: DatabaseSync) => A
): Effect.Effect<A, CatalogError> =>
  withCatalog(store, operation, (database) => {
    database.exec("BEGIN IMMEDIATE")
    try {
      writeOutRepetitions(database)
      return work(database)
    } finally {
      database.exec("ROLLBACK")
    }
  })

const withCatalog = <A>(store: string, operation: string, work: (database: DatabaseSync) => A) =>
  Effect.try({
    try: () => {
      const database = new DatabaseSync(catalogPath(store), { timeout: busyTimeout })
      try {
        database.exec("PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY")
        return work(database)
      } finally {
        database.close()
      }
    },
    catch: (cause) => new CatalogError({ path: catalogPath(store), operation, cause })
  })
