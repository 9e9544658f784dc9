/** A pipeline of 1,000 small nodes: 100 chains of ten, whose rows have ids, as `catalog.ts` measures it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Handle, Node, pipeline } from "gemflow"
import { Column, TableType } from "gemflow/artifacts"

export const chains = 100
export const chainLength = 10

const Values = TableType.make("Values", {
  value_id: Column.utf8({ doc: "Name of the value.", id: true }),
  value: Column.float64({ doc: "A number." })
})

const First = Node.make("first", {
  module: import.meta.url,
  config: Schema.Struct({ number: Schema.Int }),
  inputs: {},
  output: Values,
  determinism: "exact",
  run: ({ config }) =>
    Effect.succeed(
      Array.from({ length: 10 }, (_, row) => ({ value_id: `${config.number}:${row}`, value: config.number + row }))
    )
})

const Next = Node.make("next", {
  module: import.meta.url,
  config: Schema.Struct({ number: Schema.Int }),
  inputs: { values: Values },
  output: Values,
  determinism: "exact",
  run: ({ config, inputs }) =>
    Effect.succeed(inputs.values.rows().map(({ value, value_id }) => ({ value_id, value: value + config.number })))
})

/** The name of a node, by its chain and its place there. */
export const nodeName = (chain: number, place: number): string => `chain-${chain}-${place}`

export default pipeline("chains", () => {
  for (let chain = 0; chain < chains; chain++) {
    let values: Handle<typeof Values> = First({ number: chain }, {}, { name: nodeName(chain, 0) })
    for (let place = 1; place < chainLength; place++) {
      values = Next({ number: place }, { values }, { name: nodeName(chain, place) })
    }
  }
})
