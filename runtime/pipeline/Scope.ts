import { requireArgument } from "./Argument.ts"
import { refusePromise, withPrefix } from "./Builder.ts"
import { locate, renderLocation } from "./Location.ts"
import { checkName } from "./NodeName.ts"

/**
 * A part of a pipeline under a name of its own: the instances that `define` creates are called `name/sample`,
 * `name/rank`, … Gives what `define` returns, a handle or several in any shape. Scopes may lie inside each other and inside
 * rounds.
 *
 * A part that is used twice is a function of handles, called in two scopes:
 *
 *     const ranked = (candidates: Handle<typeof Candidates>) => Rank({}, { scores: EntropyScore({}, { candidates }) })
 *     const warm = scope("warm", () => ranked(warmCandidates))
 *     const cold = scope("cold", () => ranked(coldCandidates))
 *
 * @throws InvalidNodeName, InvalidDefinition when `define` is async
 */
export const scope = <A>(name: string, define: () => NotAPromise<A>): A => {
  const location = locate(scope)
  const place = () => renderLocation(location())
  requireArgument(typeof define === "function", place, "scope(\"name\", () => { … })", "a function second", define)
  checkName(name, place)
  // `NotAPromise` is A wherever this compiles.
  const returned = withPrefix(`${name}/`, define) as A
  return refusePromise(returned, `scope(${JSON.stringify(name)}, …)`, place)
}

type NotAPromise<A> = A extends PromiseLike<unknown> ? "This function is async; a scope is defined by a plain one." : A
