import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { fromInstances, type NodeInstance, type Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import { Step } from "./exampleNodes.ts"

/** An instance of `step` that reads the named ones. */
export const step = (name: string, ...reads: ReadonlyArray<string>): NodeInstance => ({
  name,
  node: Step.definition,
  config: {},
  inputs: { steps: reads },
  place: () => "random.ts:1",
  writtenBy: {}
})

const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Drawn = Schema.Struct({ reads: Schema.Array(small).check(Schema.isMaxLength(3)), place: small })

/** Instances of a random acyclic graph, in random order. */
export const instances: Arbitrary.Arbitrary<ReadonlyArray<NodeInstance>> = Arbitrary.map(
  Arbitrary.schema(Schema.Array(Drawn).check(Schema.isMaxLength(25))),
  (drawn) =>
    drawn
      // Node i reads only nodes before it, so there is no cycle.
      .map(({ place, reads }, index) => ({
        place,
        instance: step(`n${index}`, ...(index === 0 ? [] : reads.map((read) => `n${read % index}`)))
      }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ instance }) => instance)
)

/** A random acyclic pipeline of `step` nodes called n0, n1, … */
export const randomPipeline: Arbitrary.Arbitrary<Pipeline> = Arbitrary.map(
  instances,
  (nodes) => fromInstances("random", nodes)
)

/** Which instances each one reads, directly or not, by the plainest method there is. */
export const ancestorsOf = (pipeline: Pipeline, name: string): ReadonlySet<string> => {
  const direct = pipeline.byName.get(name)?.inputs["steps"] ?? []
  return new Set(direct.flatMap((upstream) => [upstream, ...ancestorsOf(pipeline, upstream)]))
}
