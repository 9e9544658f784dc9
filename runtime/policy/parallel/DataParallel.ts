/**
 * An optimiser step over one worker or several. All have the same weights and moments; each takes micro-batches and sums their
 * gradients; these sums are added on the host, in the order of the workers, and each takes the same step from the total:
 *
 *     g = sum_w g_w          g_w = sum over the micro-batches of worker w
 *
 * The objective is a sum over items, so g is the gradient that one worker would sum, up to rounding; the workers' weights
 * stay equal bit for bit.
 *
 * Cost: with P trained float32 values and W workers, 4 P W bytes are read from the workers and as many written to them in
 * each step, by way of the host, whatever the step's size: large steps make it small, as does an adapter (P is then that
 * of the adapter). The host holds a few tensors of it at a time.
 */
import * as Effect from "effect/Effect"
import type { StepNumbers } from "../train/AdamW.ts"
import type { LossValues, StepValues, TrainingDevice } from "../train/TrainingDevice.ts"
import { shares } from "./Shares.ts"

export interface MicroBatch {
  /** Its share of the step's work, in padded tokens. */
  readonly cost: number
  readonly feeds: () => Parameters<TrainingDevice["gradients"]>[0]
}

/** Tensors exchanged at a time. */
const AT_ONCE = 4

export const takeStep = Effect.fn("Training.step")(
  function*(
    devices: ReadonlyArray<TrainingDevice>,
    batches: ReadonlyArray<MicroBatch>,
    numbers: StepNumbers<number>
  ) {
    const shared = shares(batches.map(({ cost }) => cost), devices.length)
    const work = devices.map((device, index) => ({ device, own: shared[index] ?? [] }))
    const parts = new Map<number, LossValues>()
    yield* Effect.forEach(
      work,
      Effect.fnUntraced(function*({ device, own }) {
        for (const index of own) {
          const batch = batches[index]
          if (batch !== undefined) parts.set(index, yield* device.gradients(batch.feeds()))
        }
      }),
      { concurrency: "unbounded", discard: true }
    )
    const sum = sumOf(batches.flatMap((_, index) => parts.get(index) ?? []))
    // As in the Loop of steps: a step whose loss is not finite is not taken, even where its gradient is.
    if (!Number.isFinite(sum.loss)) return { ...sum, gradNorm: Number.NaN }
    if (devices.length > 1) {
      yield* addGradients(devices, work.flatMap(({ device, own }) => own.length > 0 ? [device] : []))
    }
    const [gradNorm = Number.NaN] = yield* Effect.forEach(devices, (device) => device.apply(numbers), {
      concurrency: "unbounded"
    })
    const taken: StepValues = { ...sum, gradNorm }
    return taken
  }
)

/** Gives every device the sum of the gradients of those that have some. */
const addGradients = Effect.fnUntraced(
  function*(devices: ReadonlyArray<TrainingDevice>, summed: ReadonlyArray<TrainingDevice>) {
    const addTensor = Effect.fnUntraced(function*(name: string) {
      const parts = yield* Effect.forEach(summed, (device) => device.readGradient(name), { concurrency: "unbounded" })
      const total = parts.reduce(addTo)
      // Each moves its values to its worker: all but the last need a copy, made before the last moves them.
      yield* Effect.forEach(
        devices,
        (device, index) => device.writeGradient(name, index < devices.length - 1 ? total.slice() : total),
        { concurrency: "unbounded", discard: true }
      )
    })
    yield* Effect.forEach(devices[0]?.trained ?? [], addTensor, { concurrency: AT_ONCE, discard: true })
  }
)

const addTo = (total: Float32Array, part: Float32Array): Float32Array => {
  for (let index = 0; index < total.length; index++) total[index] = (total[index] ?? 0) + (part[index] ?? 0)
  return total
}

/** The loss and metrics of several micro-batches together. */
export const sumOf = (parts: ReadonlyArray<LossValues>): LossValues => {
  const metrics: Record<string, number> = {}
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.metrics)) metrics[name] = (metrics[name] ?? 0) + value
  }
  return { loss: parts.reduce((sum, { loss }) => sum + loss, 0), metrics }
}
