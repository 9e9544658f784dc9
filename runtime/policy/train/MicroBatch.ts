/** Items as the tensors of one forward pass. */
import type { TensorData } from "../../onnx/TensorData.ts"
import type { Sequence } from "../SequenceBatch.ts"
import type { Extent, Objective, TrainItem } from "./Objective.ts"

/** Sizes that a micro-batch is padded to. */
export interface MicroBatchShape {
  readonly items: number
  /** Tokens of each sequence. */
  readonly length: number
  readonly predictions: number
}

type Reads = Objective["reads"]
/** What of an objective decides how its items become tensors. */
type Form = Pick<Objective, "sequencesPerItem" | "reads" | "values">

/** Tokens of a sequence that go through the forward pass: the last one only where something is read off it. */
export const tokensRead = ({ prompt, response }: Sequence, reads: Reads): number =>
  prompt.length + response.length - (reads === "responses" ? 1 : 0)

export const predictionsOf = ({ response }: Sequence, reads: Reads): number =>
  reads === "responses" ? response.length : 1

/**
 * Sizes are rounded up, so that steps of nearly equal sizes run in one Loop. They depend on these items alone: where a
 * run is cut or resumed never changes the numbers.
 */
export const shapeOf = ({ reads }: Pick<Objective, "reads">, items: ReadonlyArray<TrainItem>): MicroBatchShape => {
  const sequences = items.flatMap((item) => item.sequences)
  const length = sequences.reduce((most, sequence) => Math.max(most, tokensRead(sequence, reads)), 1)
  const predictions = sequences.reduce((sum, sequence) => sum + predictionsOf(sequence, reads), 0)
  return { items: items.length, length: roundedUp(length, 16), predictions: roundedUp(predictions, 8) }
}

/** The next multiple of a power of two that is at most `size / parts`. */
const roundedUp = (size: number, parts: number): number => {
  const unit = 2 ** Math.max(0, Math.floor(Math.log2(size / parts)))
  return Math.ceil(size / unit) * unit
}

/**
 * `tokens` int32 [items, sequencesPerItem, length], padded on the right where causal attention keeps padding out of sight; for each
 * prediction its position in the flattened tokens, its target token and its sequence, int32 [predictions]; and the items'
 * values. Only predictions meet the language-model head, so prompt and padding are masked by construction. Padding
 * predictions belong to no sequence (-1).
 */
export const microBatch = (
  objective: Form,
  items: ReadonlyArray<TrainItem>,
  shape: MicroBatchShape,
  padId: number
): Readonly<Record<string, TensorData>> => {
  const { reads, sequencesPerItem } = objective
  const rows = shape.items * sequencesPerItem
  const tokens = new Int32Array(rows * shape.length).fill(padId)
  const positions = new Int32Array(shape.predictions)
  const targets = new Int32Array(shape.predictions)
  const sequence = new Int32Array(shape.predictions).fill(-1)
  const values = Object.entries(objective.values).map(([name, extent]) =>
    new ValueWriter(name, extent, objective, shape)
  )
  let next = 0
  items.forEach((item, index) => {
    item.sequences.forEach(({ prompt, response }, column) => {
      const row = index * sequencesPerItem + column
      const start = row * shape.length
      tokens.set(prompt, start)
      tokens.set(reads === "responses" ? response.subarray(0, -1) : response, start + prompt.length)
      for (const value of values) value.writeSequence(item, column, row, next)
      const count = predictionsOf({ prompt, response }, reads)
      for (let step = 0; step < count; step++, next++) {
        positions[next] = start +
          (reads === "responses" ? prompt.length - 1 + step : prompt.length + response.length - 1)
        targets[next] = response[step] ?? 0
        sequence[next] = row
      }
    })
    for (const value of values) value.writeItem(item, index)
  })
  const int32 = (dims: ReadonlyArray<number>, data: Int32Array): TensorData => ({ dtype: "int32", dims, data })
  return {
    tokens: int32([shape.items, sequencesPerItem, shape.length], tokens),
    positions: int32([shape.predictions], positions),
    targets: int32([shape.predictions], targets),
    sequence: int32([shape.predictions], sequence),
    ...Object.fromEntries(values.map((value) => [value.name, value.tensor()]))
  }
}

/** Gathers one of an objective's values over all items. */
class ValueWriter {
  readonly name: string
  readonly extent: Extent
  readonly dims: ReadonlyArray<number>
  readonly data: Float32Array

  constructor(name: string, extent: Extent, { sequencesPerItem }: Form, { items, predictions }: MicroBatchShape) {
    this.name = name
    this.extent = extent
    this.dims = { prediction: [predictions], sequence: [items, sequencesPerItem], item: [items] }[extent]
    this.data = new Float32Array(this.dims.reduce((product, size) => product * size, 1))
  }

  writeSequence(item: TrainItem, column: number, row: number, prediction: number): void {
    const value = item.values[this.name]
    if (typeof value !== "object") return
    const own = value[column]
    if (this.extent === "sequence" && typeof own === "number") this.data[row] = own
    if (this.extent === "prediction" && typeof own === "object") this.data.set(own, prediction)
  }

  writeItem(item: TrainItem, index: number): void {
    const value = item.values[this.name]
    if (this.extent === "item" && typeof value === "number") this.data[index] = value
  }

  tensor(): TensorData {
    return { dtype: "float32", dims: this.dims, data: this.data }
  }
}
