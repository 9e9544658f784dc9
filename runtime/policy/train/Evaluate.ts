/** Looks at other items as a training goes: held-out pairs, with the weights as they are after some of its steps. */
import * as Effect from "effect/Effect"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { Engine } from "../Engine.ts"
import { sumOf } from "../parallel/DataParallel.ts"
import type { EvaluateRequest } from "../Policy.ts"
import { microBatch } from "./MicroBatch.ts"
import { planStep } from "./PlanSteps.ts"
import type { LossValues, TrainingDevice } from "./TrainingDevice.ts"
import { evaluationProgram, type Training } from "./TrainPrograms.ts"

/** What an evaluation runs, and when; undefined where none is asked for. */
export const planEvaluation = (engine: Engine, training: Training, request: EvaluateRequest | undefined) => {
  if (request === undefined) return undefined
  const { everySteps, items, objective } = request
  const { batches } = planStep({ ...training, objective, recompute: true }, items, 0, engine.limits)
  const most = batches.reduce((most, { shape }) => Math.max(most, shape.predictions), 1)
  return {
    everySteps,
    build: () => evaluationProgram(training, objective, most),
    isDue: (step: number, last: number): boolean => step % everySteps === 0 || step === last,
    /** Micro-batches are dealt to the devices in turn, and added up in their own order. */
    losses: Effect.fnUntraced(function*(devices: ReadonlyArray<TrainingDevice>) {
      const found = new Map<number, LossValues>()
      yield* Effect.forEach(
        devices,
        Effect.fnUntraced(function*(device, own) {
          for (const [index, { items, shape }] of batches.entries()) {
            if (index % devices.length !== own) continue
            const feeds = { ...microBatch(objective, items, shape, engine.padId), dropoutKey: noDropout() }
            found.set(index, yield* device.evaluate(feeds))
          }
        }),
        { concurrency: "unbounded", discard: true }
      )
      return sumOf(batches.flatMap((_, index) => found.get(index) ?? []))
    })
  }
}

/** The program has the input, and reads it nowhere. Made anew each time, since feeding it moves it to the worker. */
const noDropout = (): TensorData => ({ dtype: "int32", dims: [], data: Int32Array.of(0) })

/** The steps from `start` on, cut where a multiple of `every` of all steps has been taken. */
export const chunksUpTo = <A>(all: ReadonlyArray<A>, start: number, every: number): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<ReadonlyArray<A>> = []
  for (let from = start; from < all.length;) {
    const next = every === Infinity ? all.length : Math.min(all.length, (Math.floor(from / every) + 1) * every)
    chunks.push(all.slice(from, next))
    from = next
  }
  return chunks
}
