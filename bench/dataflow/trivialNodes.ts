/** Pipelines of nodes that do next to nothing, in several shapes. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, type Pipeline, pipeline } from "gemflow"
import { Column, TableType } from "gemflow/artifacts"

const Value = TableType.make("Value", { value: Column.float64({ doc: "A number." }) })

const Start = Node.make("start", {
  module: import.meta.url,
  config: Schema.Struct({ number: Schema.Int }),
  inputs: {},
  output: Value,
  determinism: "exact",
  run: ({ config }) => Effect.succeed([{ value: config.number }])
})

const Step = Node.make("step", {
  module: import.meta.url,
  config: Schema.Struct({ number: Schema.Int }),
  inputs: { values: Node.many(Value) },
  output: Value,
  determinism: "exact",
  run: ({ config, inputs }) =>
    Effect.succeed([
      { value: inputs.values.reduce((sum, table) => sum + (table.column("value")[0] ?? 0), config.number) % 1e9 }
    ])
})

export type Shape = "wide" | "chain" | "layered"
export const shapes: ReadonlyArray<Shape> = ["wide", "chain", "layered"]

/** Trivial nodes: `wide` that read nothing, a `chain` in which each reads the one before, `layered` by 100 that read two. */
export const trivialNodes = (shape: Shape, nodes: number): Pipeline =>
  pipeline(shape, () => {
    const made: Array<ReturnType<typeof Start>> = []
    for (let number = 0; number < nodes; number++) {
      const at = (index: number) => made[index]
      const reads = shape === "wide" ?
        []
        : shape === "chain" ?
        [at(number - 1)]
        : number < 100 ?
        []
        : [at(number - 100), at(number - 100 - (number % 100 === 0 ? 0 : 1))]
      const values = reads.filter((handle) => handle !== undefined)
      const name = `n${number}`
      made.push(values.length === 0 ? Start({ number }, {}, { name }) : Step({ number }, { values }, { name }))
    }
  })
