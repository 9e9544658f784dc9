/** Checks of what a caller in TypeScript cannot get wrong: for pipelines written in plain JavaScript. */
import { WrongArgument } from "./PipelineError.ts"

/**
 * Refuses an argument that is not what is `expected`; `call` is how the function is called: `variant(base, "name", change, …)`.
 *
 * @throws WrongArgument
 */
export const requireArgument = (
  holds: boolean,
  place: () => string,
  call: string,
  expected: string,
  found: unknown
): void => {
  if (!holds) throw new WrongArgument({ place: place(), call, expected, found: nounOf(found) })
}

/** Whether a value is an object of named fields. */
export const isFields = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Promise)

/** What a value is, for errors. */
export const nounOf = (value: unknown): string => {
  if (value === undefined) return "nothing"
  if (value === null) return "null"
  if (value instanceof Promise) return "a promise"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "function") return "definition" in value ? "a node that was not called" : "a function"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}
