/** Tries a node's work as often and as long as the node says. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { sentence } from "./NodeFailure.ts"

/** A node took longer than its timeout. */
export class NodeTimedOut extends Schema.TaggedError<NodeTimedOut>()("NodeTimedOut", {
  node: Schema.String,
  limit: Schema.String
}) {
  override get message(): string {
    return `it took longer than ${this.limit}, the timeout of ${this.node}. Give it more time in its timeout, or less to do.`
  }
}

export interface AttemptPolicy {
  /** How many attempts follow a failed one. */
  readonly retries: number
  /** Before the first of them. */
  readonly delay: Duration.Duration
  /** How long an attempt may take. */
  readonly timeout: Duration.Duration | undefined
}

/** A failed attempt after which another follows. */
export interface FailedAttempt {
  /** From 1. */
  readonly attempt: number
  readonly of: number
  readonly message: string
  readonly delayMs: number
}

/** No pause is longer. */
const longestDelay = Duration.toMillis("5 minutes")

/**
 * Tries the work until an attempt succeeds or was the last. The pauses between attempts double, and are a fifth longer or
 * shorter by chance, so that nodes that failed together do not come back together. An attempt that takes too long is
 * interrupted and counts as failed.
 */
export const attempts = Effect.fnUntraced(function*<A, E, R>(
  node: string,
  { delay, retries, timeout }: AttemptPolicy,
  retrying: (failed: FailedAttempt) => Effect.Effect<void>,
  work: Effect.Effect<A, E, R>
): Effect.fn.Return<A, E | NodeTimedOut, R> {
  const once: Effect.Effect<A, E | NodeTimedOut, R> = timeout === undefined ? work : Effect.timeoutOrElse(work, {
    duration: timeout,
    orElse: () => new NodeTimedOut({ node, limit: Duration.format(timeout) })
  })
  for (let attempt = 1;; attempt++) {
    if (attempt > retries) return yield* once
    const exit = yield* Effect.exit(once)
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.hasInterrupts(exit.cause)) return yield* Effect.failCause(exit.cause)
    const doubled = Math.min(Duration.toMillis(delay) * 2 ** (attempt - 1), longestDelay)
    const delayMs = Math.round(doubled * (yield* Random.nextBetween(0.8, 1.2)))
    yield* retrying({ attempt, of: retries + 1, message: sentence(exit.cause), delayMs })
    yield* Effect.sleep(delayMs)
  }
})
