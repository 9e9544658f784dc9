import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { mkdir, rename, rm } from "node:fs/promises"
import { resolve } from "node:path"
import { CheckpointError } from "./CheckpointError.ts"

/**
 * Writes a directory whole or not at all: into a folder beside it, renamed when complete.
 *
 * @param write fills the folder it is given; `attempt` turns a rejection into a CheckpointError.
 */
export const wholeDirectory = <A, E, R>(
  directory: string,
  write: (
    folder: string,
    attempt: (work: () => Promise<unknown>) => Effect.Effect<void, CheckpointError>
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | CheckpointError, R> => {
  const target = resolve(directory)
  const temporary = `${target}.${randomUUID()}.partial`
  const attempt = (work: () => Promise<unknown>) =>
    Effect.asVoid(Effect.tryPromise({
      try: work,
      catch: (cause) =>
        new CheckpointError({
          path: target,
          place: "",
          problem: `cannot be written (${cause instanceof Error ? cause.message : String(cause)})`,
          remedy: "Give a path that does not exist yet, or an empty directory, on a disk with room for the weights."
        })
    }))
  return attempt(() => mkdir(temporary, { recursive: true })).pipe(
    Effect.andThen(write(temporary, attempt)),
    Effect.tap(() => attempt(() => rename(temporary, target))),
    Effect.onError(() => attempt(() => rm(temporary, { recursive: true, force: true })).pipe(Effect.ignore))
  )
}
