/**
 * Hands items to a destination beside the run: never in its way, never a reason for it to fail. What cannot be handed over
 * within reason is counted as lost.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** An attempt to hand items over failed. */
export class NotDelivered extends Schema.TaggedError<NotDelivered>()("NotDelivered", {
  reason: Schema.String,
  /** Whether the same attempt may succeed later. */
  passing: Schema.Boolean
}) {
  override get message(): string {
    return this.reason
  }
}

/** Where items go. */
export interface Destination<A> {
  /** As a person names it: a path or a URL. */
  readonly name: string
  /** Takes up to so many items at once. */
  readonly batch: number
  readonly send: (items: ReadonlyArray<A>) => Effect.Effect<void, NotDelivered>
}

export interface Delivery<A> {
  /** Does not wait. */
  readonly hand: (item: A) => void
  /** Sees off what is left, for so long at most, and tells what became of everything. */
  readonly finish: (patience: Duration.Input) => Effect.Effect<Delivered>
}

export interface Delivered {
  readonly handed: number
  readonly lost: number
  /** Why the first of them was lost. */
  readonly reason: string | undefined
}

/** So many items wait at most; more are lost. */
const capacity = 50_000
const attemptTakes: Duration.Input = "5 seconds"
const again = Schedule.exponential("200 millis").pipe(Schedule.jittered)

export const delivery = Effect.fn("Delivery.delivery")(
  function*<A>(destination: Destination<A>): Effect.fn.Return<Delivery<A>, never, Scope.Scope> {
    const waiting = yield* Queue.dropping<A, Cause.Done>(capacity)
    const counts = { handed: 0, sent: 0 }
    let reason: string | undefined
    // While the destination is away each batch gets one attempt: a run of a thousand nodes must not wait a thousand times.
    let away = false

    const send = (items: ReadonlyArray<A>) => {
      const attempt = destination.send(items).pipe(
        Effect.timeoutOrElse({
          duration: attemptTakes,
          orElse: () => Effect.fail(new NotDelivered({ reason: "no answer within 5 s", passing: true }))
        })
      )
      const attempts = away
        ? attempt
        : Effect.retry(attempt, { schedule: again, times: 4, while: ({ passing }) => passing })
      return Effect.match(attempts, {
        onSuccess: () => {
          away = false
          counts.sent += items.length
        },
        onFailure: (error) => {
          away = error.passing
          reason ??= error.message
        }
      })
    }
    const worker = yield* Queue.takeBetween(waiting, 1, destination.batch).pipe(
      Effect.flatMap(send),
      Effect.forever,
      // The queue's end.
      Effect.ignore,
      Effect.forkScoped
    )
    return {
      hand: (item) => {
        counts.handed++
        if (!Queue.offerUnsafe(waiting, item)) reason ??= "too many waited to be sent"
      },
      finish: (patience) =>
        Effect.gen(function*() {
          yield* Queue.end(waiting)
          const done = yield* Fiber.await(worker).pipe(Effect.timeoutOption(patience))
          if (Option.isNone(done)) {
            reason ??= `not sent within ${Duration.format(Duration.fromInputUnsafe(patience))}`
            yield* Fiber.interrupt(worker)
          }
          return { handed: counts.handed, lost: counts.handed - counts.sent, reason }
        })
    }
  }
)
