import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { placesOf } from "../../../../runtime/onnx/Place.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { takeStep } from "../../../../runtime/policy/parallel/DataParallel.ts"
import { checkedPlaces, policyWorkers } from "../../../../runtime/policy/parallel/PolicyWorkers.ts"
import { stepNumbers } from "../../../../runtime/policy/train/AdamW.ts"
import { microBatch, shapeOf } from "../../../../runtime/policy/train/MicroBatch.ts"
import { allWeights } from "../../../../runtime/policy/train/Trainable.ts"
import { initialState, openTrainingDevice, trainingPrograms } from "../../../../runtime/policy/train/TrainingDevice.ts"
import { updated } from "../../../../runtime/policy/train/TrainPrograms.ts"
import { checkpoint as directory, mixed, step } from "../train/trainingRequests.ts"

/** A training on so many workers of the CPU. */
const trainingOn = Effect.fnUntraced(function*(count: number) {
  const checkpoint = yield* openCheckpoint(directory)
  const places = yield* checkedPlaces(placesOf(Array.from({ length: count }, () => "cpu")))
  const trainable = allWeights(checkpoint, weightedNll)
  const training = { config: checkpoint.config, trainable, objective: weightedNll, recompute: false, predictions: 64 }
  const programs = trainingPrograms(training)
  const workers = yield* policyWorkers(directory, checkpoint, places)
  const devices = yield* Effect.forEach(workers, (worker) => openTrainingDevice(worker, training, programs, "apply"))
  for (const device of devices) yield* device.write(initialState(training, yield* trainable.initial))
  return devices
})

const batch = (items: ReturnType<typeof step>, factor = 1) => ({
  cost: items.length,
  feeds: () => {
    const scaled = items.map((item) => ({ ...item, values: { weight: [factor] } }))
    return {
      ...microBatch(weightedNll, scaled, shapeOf(weightedNll, scaled), 0),
      dropoutKey: { dtype: "int32" as const, dims: [], data: Int32Array.of(0) }
    }
  }
})

const numbersAt = (index: number) => stepNumbers(mixed, index)

layer(Sessions.layer)("a step over several workers", (it) => {
  it.effect("leaves all with the same weights and moments, bit for bit, one that had no work too", () =>
    Effect.gen(function*() {
      const devices = yield* trainingOn(3)
      const before = yield* Effect.forEach(devices, (device) => device.read(updated))
      // Two batches: the third worker has nothing to do. Then four, then one.
      const steps = [[step(0, 1), step(2)], [step(0), step(1), step(2), step(3)], [step(4)]]
      for (const [index, items] of steps.entries()) {
        yield* takeStep(devices, items.map((one) => batch(one)), numbersAt(index + 1))
        const [first, ...others] = yield* Effect.forEach(devices, (device) => device.read(updated))
        for (const other of others) expect(other).toEqual(first)
        expect(first).not.toEqual(before[0])
      }
    }))

  it.effect("takes none where the loss is not finite", () =>
    Effect.gen(function*() {
      const devices = yield* trainingOn(2)
      const before = yield* Effect.forEach(devices, (device) => device.read(updated))
      const { gradNorm, loss } = yield* takeStep(devices, [batch(step(0)), batch(step(1), Infinity)], numbersAt(1))
      expect([Number.isFinite(loss), gradNorm]).toEqual([false, Number.NaN])
      expect(yield* Effect.forEach(devices, (device) => device.read(updated))).toEqual(before)
    }))
})
