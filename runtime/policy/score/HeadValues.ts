/** What a score head gives each response, and a value head each of its tokens. */
import * as Effect from "effect/Effect"
import { type Graph, parameter } from "../../onnx/Graph.ts"
import { sequenceBatches } from "../Batches.ts"
import { readValueHead } from "../checkpoint/ValueHeadFile.ts"
import { checkHeadValues } from "../CheckRequest.ts"
import type { Engine } from "../Engine.ts"
import { SCORE_HEAD, VALUE_HEAD } from "../model/Heads.ts"
import type { Weights } from "../model/Weights.ts"
import { spread } from "../parallel/Spread.ts"
import { tally } from "../parallel/Tally.ts"
import type { ScoreRequest } from "../Policy.ts"
import { present } from "../Present.ts"
import { microBatch, predictionsOf, shapeOf, tokensRead } from "../train/MicroBatch.ts"
import { headValuesProgram, type ScalarHead } from "./HeadValuesProgram.ts"

export const rewards = (engine: Engine) =>
  Effect.fn("Policy.rewards")(function*(request: ScoreRequest) {
    const { config } = engine.checkpoint
    const problem = checkHeadValues(config, "rewards", config.scoreHead === true, request.sequences)
    if (problem !== undefined) return yield* problem
    const head = (_: Graph, weights: Weights) => ({ weight: weights.tensor(SCORE_HEAD) })
    const scores = yield* headValues(engine, request, "last", head)
    return Float32Array.from(scores, ([score]) => score ?? Number.NaN)
  })

export const values = (engine: Engine) =>
  Effect.fn("Policy.values")(function*(request: ScoreRequest) {
    const { config, directory } = engine.checkpoint
    const stored = yield* readValueHead(engine.adapter?.directory ?? directory, config.hiddenSize)
    const problem = checkHeadValues(config, "values", stored.size > 0, request.sequences)
    if (problem !== undefined) return yield* problem
    return yield* headValues(engine, request, "responses", (program) => {
      const part = (name: string) => {
        const value = present(stored.get(name), name)
        return parameter(program, name, "float32", value.dims, value)
      }
      return { weight: part(VALUE_HEAD.weight), bias: part(VALUE_HEAD.bias) }
    })
  })

/** The head's values of each sequence, in batches of similar length, each on a free worker. */
const headValues = Effect.fnUntraced(function*(
  engine: Engine,
  { onProgress, sequences }: ScoreRequest,
  reads: "responses" | "last",
  head: (program: Graph, weights: Weights) => ScalarHead
) {
  const { config, source } = engine.checkpoint
  const build = () => headValuesProgram(config, source, head)
  const form = { sequencesPerItem: 1, reads, values: {} }
  const lengths = sequences.map((sequence) => tokensRead(sequence, reads))
  const progress = tally(sequences.length, onProgress)
  const found = new Map<number, Float32Array>()
  yield* spread(
    engine.workers,
    sequenceBatches(config, lengths, "score", engine.limits),
    Effect.fnUntraced(function*(worker, indices, piece) {
      const session = yield* worker.program(`head values ${reads}`, build)
      const items = indices.flatMap((index) => {
        const sequence = sequences[index]
        return sequence === undefined ? [] : [{ sequences: [sequence], values: {} }]
      })
      const batch = microBatch(form, items, shapeOf(form, items), engine.padId)
      const feeds = { tokens: present(batch["tokens"], "tokens"), positions: present(batch["positions"], "positions") }
      const given = yield* session.run({ feeds, fetch: ["values"], move: true })
      let start = 0
      indices.forEach((index, member) => {
        const end = start + (items[member]?.sequences ?? []).reduce((sum, one) => sum + predictionsOf(one, reads), 0)
        found.set(index, Float32Array.from(given.values.data.subarray(start, end), Number))
        start = end
      })
      yield* progress.report(piece, indices.length)
    })
  )
  return sequences.flatMap((_, index) => found.get(index) ?? [])
})
