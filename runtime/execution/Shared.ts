/** What the partitions of one execution share: each thing is made once, when it is first asked for, and ends with the scope. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { RunContext } from "../pipeline/Node.ts"

/** `RunContext.shared` of an execution; what is made gets the scope that is open here. */
export const sharing = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const made = new Map<string, Exit.Exit<unknown, unknown>>()
  const locks = new Map<string, Semaphore.Semaphore>()
  const shared: RunContext<unknown, unknown>["shared"] = <A, E, R>(name: string, make: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const lock = locks.get(name) ?? Semaphore.makeUnsafe(1)
      locks.set(name, lock)
      return lock.withPermit(Effect.suspend(() => {
        const known = made.get(name)
        // A name is asked for with one effect, written once in the node's code, so what was made is an A.
        if (known !== undefined) return known as Exit.Exit<A, E>
        return Effect.exit(Scope.provide(make, scope)).pipe(
          Effect.tap((exit) => Effect.sync(() => Exit.hasInterrupts(exit) ? undefined : made.set(name, exit))),
          Effect.flatMap((exit) => exit)
        ) as Effect.Effect<A, E, R>
      }))
    })
  return shared
})
