import type * as TableType from "../../artifacts/TableType.ts"
import { requireArgument } from "./Argument.ts"
import { refusePromise, withPrefix } from "./Builder.ts"
import type { Handle } from "./Handle.ts"
import { locate, type Location, renderLocation } from "./Location.ts"
import { checkName } from "./NodeName.ts"
import { InvalidRounds } from "./PipelineError.ts"

/** What repeated rounds may say about their names. */
export interface RoundsOptions {
  /** Instances of round 2 are called `<name>-2/…`; `round` when left out. */
  readonly name?: string
}

/** One round: takes what the round before gave (the first: the initial handle) and the round's number, from 1. */
export type Round<T extends TableType.Any> = (previous: Handle<T>, round: number) => Handle<T>

/**
 * Repeats a part of the pipeline, each round fed by the one before: rounds unroll into the graph, so every round is
 * cached, planned and traced by itself. The instances of round 2 are called `round-2/sample`, `round-2/update`, …
 *
 * Gives the handle of the last round (the initial one when `count` is 0); `rounds.all` gives those of every round.
 *
 * @throws InvalidRounds when `count` is no whole number from 0 on.
 */
export const rounds = <T extends TableType.Any>(
  count: number,
  initial: Handle<T>,
  round: Round<T>,
  options?: RoundsOptions
): Handle<T> => unroll(count, initial, round, options, locate(rounds)).at(-1) ?? initial

/** As `rounds`, giving the handle of every round, the first round's first. */
rounds.all = <T extends TableType.Any>(
  count: number,
  initial: Handle<T>,
  round: Round<T>,
  options?: RoundsOptions
): ReadonlyArray<Handle<T>> => unroll(count, initial, round, options, locate(rounds.all))

const unroll = <T extends TableType.Any>(
  count: number,
  initial: Handle<T>,
  round: Round<T>,
  { name = "round" }: RoundsOptions = {},
  location: () => Location | undefined
): ReadonlyArray<Handle<T>> => {
  if (!Number.isInteger(count) || count < 0) {
    throw new InvalidRounds({ place: renderLocation(location()), found: String(count) })
  }
  const place = () => renderLocation(location())
  requireArgument(typeof round === "function", place, "rounds(count, initial, round)", "a function third", round)
  checkName(name, () => renderLocation(location()))
  const handles: Array<Handle<T>> = []
  for (let number = 1; number <= count; number++) {
    const previous = handles.at(-1) ?? initial
    const handle = withPrefix(`${name}-${number}/`, () => round(previous, number))
    handles.push(refusePromise(handle, `rounds(${count}, …)`, () => renderLocation(location())))
  }
  return handles
}
