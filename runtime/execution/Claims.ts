/**
 * Who may execute a key now: one at a time, in this process and in all others of the store, so that equal work is done once
 * and the others take its result.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { StoreError } from "../../artifacts/StoreError.ts"
import { type ClaimOwner, type ClaimTable, openClaimTable } from "./ClaimTable.ts"

/** Work at a key. */
export interface Exclusive<Turn, A, E, R, NoTurn> {
  readonly keyDigest: string
  /** Waits until the work may begin: for a job, for devices. Ends with its scope, at the latest when the work does. */
  readonly turn: Effect.Effect<Turn, NoTurn, R | Scope.Scope>
  /** Begins with a look at what is stored: somebody else may have been at the key meanwhile. */
  readonly work: (turn: Turn) => Effect.Effect<A, E, R>
  /** Is told when another run works at the key, and this one waits for the end of that. */
  readonly waiting?: ((owner: ClaimOwner) => Effect.Effect<void>) | undefined
}

export interface Claims {
  /** Does the work while nobody else works at the key. Who waits for somebody else holds no turn meanwhile. */
  readonly exclusively: <Turn, A, E, R, NoTurn>(
    work: Exclusive<Turn, A, E, R, NoTurn>
  ) => Effect.Effect<A, E | NoTurn | StoreError, Exclude<R, Scope.Scope>>
}

/** Milliseconds between two looks at what other processes hold. */
const period = 100

/** What came of asking for a key: it is ours, or it is not, and then whose as far as that is known. */
interface Answer {
  readonly ours: boolean
  readonly owner: ClaimOwner | undefined
}

/**
 * The claims of one run. What is left of them is given up with the scope, and with the process however that ends.
 *
 * @param afterwards does something once what the run has noted so far is in the catalog: before that no key is given up
 */
export const makeClaims = Effect.fn("Claims.makeClaims")(function*(
  store: string,
  run: string,
  afterwards: (then: () => void) => void
) {
  const attempt = <A>(work: () => A) =>
    Effect.try({
      try: work,
      catch: (cause) => new StoreError({ operation: "claim a node", path: join(store, "runs"), cause })
    })

  let opened: ClaimTable | undefined
  // Opened with the first claim, so that a run that executes nothing writes nothing.
  const table = () => opened ??= openClaimTable(store, run)

  // What is asked for in one turn of the event loop is one transaction.
  let asked: Array<{ readonly key: string; readonly answer: Deferred.Deferred<Answer, StoreError> }> = []
  let freed: Array<string> = []
  const change = () => {
    const [keys, done] = [asked, freed]
    asked = []
    freed = []
    const changed = Effect.runSyncExit(attempt(() => {
      const ours = table().change(keys.map(({ key }) => key), done)
      const foreign = ours.includes(false) ? table().foreign() : undefined
      return keys.map(({ key }, index) => ({ ours: ours[index] === true, owner: foreign?.get(key) }))
    }))
    keys.forEach(({ answer }, index) =>
      Deferred.doneUnsafe(answer, Exit.map(changed, (answers) => answers[index] ?? { ours: false, owner: undefined }))
    )
  }
  const schedule = () => {
    if (asked.length + freed.length === 1) setImmediate(change)
  }
  yield* Effect.addFinalizer(() =>
    attempt(() => {
      if (freed.length > 0) change()
      opened?.close()
    }).pipe(Effect.ignore)
  )

  /** Until when keys are held by this run. */
  const held = new Map<string, Deferred.Deferred<void>>()

  const claim = (key: string) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const other = held.get(key)
        if (other !== undefined) return Effect.succeed<Answer>({ ours: false, owner: undefined })
        held.set(key, Deferred.makeUnsafe())
        const answer = Deferred.makeUnsafe<Answer, StoreError>()
        asked.push({ key, answer })
        schedule()
        return Effect.onExit(Deferred.await(answer), (exit) =>
          Exit.isSuccess(exit) && exit.value.ours ? Effect.void : Effect.sync(() => end(key)))
      }),
      ({ ours }) =>
        Effect.sync(() => {
          if (!ours) {
            return
          }
          afterwards(() => {
            freed.push(key)
            schedule()
            end(key)
          })
        })
    )
  const end = (key: string) => {
    const ended = held.get(key)
    held.delete(key)
    if (ended !== undefined) Deferred.doneUnsafe(ended, Effect.void)
  }

  /** Who waits for other runs, by key. One look at the table serves all. */
  const waiters = new Map<string, Deferred.Deferred<void, StoreError>>()
  const look = attempt(() => {
    const dead = new Map<string, boolean>()
    const isDead = (owner: ClaimOwner) => {
      const known = dead.get(owner.owner) ?? table().takeOver(owner)
      dead.set(owner.owner, known)
      return known
    }
    const foreign = table().foreign()
    for (const [key, waiter] of waiters) {
      const owner = foreign.get(key)
      if (owner !== undefined && !isDead(owner)) continue
      waiters.delete(key)
      Deferred.doneUnsafe(waiter, Effect.void)
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.sync(() => {
        for (const waiter of waiters.values()) Deferred.doneUnsafe(waiter, Effect.fail(error))
        waiters.clear()
      })
    )
  )
  const scope = yield* Effect.scope
  const freeOfOthers = Effect.fnUntraced(function*(key: string) {
    const known = waiters.get(key)
    const waiter = known ?? Deferred.makeUnsafe<void, StoreError>()
    if (known === undefined) {
      waiters.set(key, waiter)
      if (waiters.size === 1) {
        yield* look.pipe(
          Effect.andThen(Effect.sleep(period)),
          Effect.repeat({ while: () => waiters.size > 0 }),
          Effect.forkIn(scope)
        )
      }
    }
    yield* Deferred.await(waiter)
  })

  const exclusively = Effect.fnUntraced(function*<Turn, A, E, R, NoTurn>(
    { keyDigest, turn, waiting, work }: Exclusive<Turn, A, E, R, NoTurn>
  ) {
    while (true) {
      const other = held.get(keyDigest)
      if (other !== undefined) {
        yield* Deferred.await(other)
        continue
      }
      const done = yield* Effect.scoped(Effect.gen(function*() {
        const taken = yield* turn
        const { ours, owner } = yield* claim(keyDigest)
        return ours ? { value: yield* work(taken) } : { owner }
      }))
      if ("value" in done) return done.value
      if (done.owner === undefined) continue
      if (waiting !== undefined) yield* waiting(done.owner)
      yield* freeOfOthers(keyDigest)
    }
  })

  return { exclusively } satisfies Claims
})
