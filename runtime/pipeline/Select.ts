import * as Result from "effect/Result"
import { didYouMean, nearest } from "./DidYouMean.ts"
import { type NodeInstance, type Pipeline, upstreamOf } from "./Pipeline.ts"
import { UnknownNode } from "./PipelineError.ts"

/**
 * The instances that a name on the command line means: the instance of exactly that name, else all instances of the
 * node of that name or with that name in any scope (`sample` for `round-1/sample` and `round-2/sample`, `round-1/sample`
 * for `lambda=0.5/round-1/sample`), else all instances in the scope of that name (`round-1`). `place` says where the name
 * was written, for the error.
 */
export const matching = (
  pipeline: Pipeline,
  name: string,
  place: string
): Result.Result<readonly [NodeInstance, ...Array<NodeInstance>], UnknownNode> => {
  const exact = pipeline.byName.get(name)
  if (exact !== undefined) return Result.succeed([exact])
  const ending = `/${name}`
  const named = pipeline.nodes.filter((instance) => instance.node.name === name || instance.name.endsWith(ending))
  const [first, ...others] = named.length > 0 ? named : within(pipeline, name)
  return first === undefined ? Result.fail(unknownNode(pipeline, name, place)) : Result.succeed([first, ...others])
}

const within = (pipeline: Pipeline, scope: string): ReadonlyArray<NodeInstance> =>
  pipeline.nodes.filter(({ name }) => name.startsWith(`${scope}/`) || name.includes(`/${scope}/`))

/** For questions about one node: the last of the instances that a name means, and the others that were meant. */
export const matchingOne = (
  pipeline: Pipeline,
  name: string,
  place: string
): Result.Result<{ readonly instance: NodeInstance; readonly others: ReadonlyArray<NodeInstance> }, UnknownNode> =>
  Result.map(matching(pipeline, name, place), (instances) => ({
    instance: instances.at(-1) ?? instances[0],
    others: instances.slice(0, -1)
  }))

/**
 * The instances that `--select NODE[+]` asks for, with everything they need: `NODE` is the node and what it depends on,
 * `NODE+` also what depends on it. Several selections add up; none means all. In topological order.
 */
export const select = (
  pipeline: Pipeline,
  selections: ReadonlyArray<string>
): Result.Result<ReadonlySet<string>, UnknownNode> => {
  if (selections.length === 0) return Result.succeed(new Set(pipeline.nodes.map(({ name }) => name)))
  const wanted = new Set<string>()
  const roots = new Set<string>()
  for (const selection of selections) {
    const withDescendants = selection.endsWith("+")
    const matched = matching(pipeline, withDescendants ? selection.slice(0, -1) : selection, `--select ${selection}`)
    if (Result.isFailure(matched)) return Result.fail(matched.failure)
    for (const { name } of matched.success) {
      wanted.add(name)
      if (withDescendants) roots.add(name)
    }
  }
  // Readers come after what they read: forwards a pass spreads to descendants, backwards to ancestors.
  for (const instance of pipeline.nodes) {
    if (upstreamOf(instance).some((name) => roots.has(name))) roots.add(instance.name)
    if (roots.has(instance.name)) wanted.add(instance.name)
  }
  for (const instance of pipeline.nodes.toReversed()) {
    if (wanted.has(instance.name)) upstreamOf(instance).forEach((name) => wanted.add(name))
  }
  return Result.succeed(new Set(pipeline.nodes.flatMap(({ name }) => wanted.has(name) ? [name] : [])))
}

/** An instance's name without its rounds: `sample` for `round-1/sample`. */
export const unscopedName = (instance: NodeInstance): string => instance.name.slice(instance.name.lastIndexOf("/") + 1)

const unknownNode = (pipeline: Pipeline, node: string, place: string): UnknownNode => {
  const known = new Set(pipeline.nodes.flatMap((instance) => [
    instance.name,
    unscopedName(instance),
    instance.node.name
  ]))
  const suggestion = didYouMean(node, known)
  return new UnknownNode({
    place,
    node,
    pipeline: pipeline.name,
    nearest: nearest(node, new Set(pipeline.nodes.map(unscopedName)), listedNames),
    count: pipeline.nodes.length,
    ...(suggestion === undefined ? {} : { suggestion })
  })
}

/** So many names a sentence has room for. */
const listedNames = 8
