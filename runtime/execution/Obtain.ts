/**
 * Obtains the output of an action, the work of one key: from the store, or by executing it once, whoever else asks for it at
 * the same time. A whole node is an action, and so is a partition of a mapped node.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Claims } from "./Claims.ts"
import type { ClaimOwner } from "./ClaimTable.ts"
import type { KnownOutput } from "./PlanningEnvironment.ts"

/** An output, as its readers need it. */
export interface Output {
  readonly digest: string
  readonly columns: Readonly<Record<string, string>>
  readonly rows: number
}

export interface Action<Turn, E, R, Known, NoTurn> {
  readonly keyDigest: string
  /** Whether to execute it whatever is stored. */
  readonly forced: boolean
  /** What is stored under the key, and whether that is whole. */
  readonly known: (keyDigest: string) => Effect.Effect<KnownOutput | undefined, Known, R>
  /** Whether what is stored was looked up just now, and nothing was there. */
  readonly absent?: boolean
  /** Waits until it may be executed: for a job, for devices. */
  readonly turn: Effect.Effect<Turn, NoTurn, R | Scope.Scope>
  /** Does the work, stores its output and notes it in the catalog as what the key gave. */
  readonly execute: (turn: Turn) => Effect.Effect<Output, E, R>
  /** Is told when another run is at it. */
  readonly waiting?: (owner: ClaimOwner) => Effect.Effect<void>
}

export interface Obtained {
  readonly status: "cached" | "executed"
  readonly output: Output
}

/** The output of an action. It takes a turn only when it has to be executed. */
export const obtainAction = Effect.fnUntraced(
  function*<Turn, E, R, Known, NoTurn>(
    claims: Claims,
    { absent = false, execute, forced, keyDigest, known, turn, waiting }: Action<Turn, E, R, Known, NoTurn>
  ) {
    const stored = Effect.gen(function*() {
      const found = forced ? undefined : yield* known(keyDigest)
      return found?.present === true ? { status: "cached", output: found } satisfies Obtained : undefined
    })
    const found = absent ? undefined : yield* stored
    if (found !== undefined) return found
    return yield* claims.exclusively({
      keyDigest,
      turn,
      waiting,
      work: Effect.fnUntraced(function*(taken: Turn): Effect.fn.Return<Obtained, E | Known, R> {
        return (yield* stored) ?? { status: "executed", output: yield* execute(taken) }
      })
    })
  }
)
