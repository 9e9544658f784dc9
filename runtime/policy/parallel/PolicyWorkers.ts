/** The workers that a policy computes on, one per device or several on the CPU. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Graph } from "../../onnx/Graph.ts"
import { type Place, type Places, placesOf } from "../../onnx/Place.ts"
import { type Session, Sessions } from "../../onnx/Sessions.ts"
import type { Checkpoint } from "../checkpoint/Checkpoint.ts"
import type { EngineError } from "../Engine.ts"
import { PolicyRequestError } from "../PolicyError.ts"
import { serialiseProgram } from "../SerialiseProgram.ts"

export interface PolicyWorker {
  /** Loads a program that reads the checkpoint's weights; loaded once for each key. */
  readonly program: (key: string, build: () => Graph) => Effect.Effect<Session, EngineError>
  /** Loads a program of its own; those of this worker with the same `state` share what they carry. */
  readonly fresh: (build: () => Graph, state?: string) => Effect.Effect<Session, EngineError>
}

/** There is at least one. */
export type PolicyWorkers = readonly [PolicyWorker, ...ReadonlyArray<PolicyWorker>]

/**
 * Workers whose programs end with the scope. A program that several of them load by the same `build` is built once.
 *
 * Each has its own copy of what is not read in place: activations, caches, repacked and trained weights.
 */
export const policyWorkers = Effect.fn("Policy.workers")(
  function*(directory: string, checkpoint: Checkpoint, [first, ...others]: readonly [Place, ...ReadonlyArray<Place>]) {
    const sessions = yield* Sessions
    const scope = yield* Scope.Scope
    const built = new WeakMap<() => Graph, ReturnType<typeof builtBy>>()
    const programOf = (build: () => Graph) => {
      const made = built.get(build) ?? builtBy(build, first.device)
      built.set(build, made)
      return made
    }

    const worker = Effect.fnUntraced(function*(place: Place) {
      const fresh: PolicyWorker["fresh"] = (build, state) =>
        Effect.gen(function*() {
          const { program, readsWeights } = programOf(build)
          // Weights are converted only for programs that read them.
          const weights = readsWeights ? yield* checkpoint.folder : directory
          return yield* sessions.open(program, { ...place, weights, ...(state !== undefined && { state }) })
        }).pipe(Scope.provide(scope))
      const loaded = new Map<string, Session>()
      const loading = yield* Semaphore.make(1)
      const program: PolicyWorker["program"] = (key, build) =>
        loading.withPermits(1)(Effect.gen(function*() {
          const known = loaded.get(key)
          if (known !== undefined) return known
          const session = yield* fresh(build)
          loaded.set(key, session)
          return session
        }))
      const made: PolicyWorker = { program, fresh }
      return made
    })
    const workers: PolicyWorkers = [yield* worker(first), ...(yield* Effect.forEach(others, worker))]
    return workers
  }
)

/** All workers are of one kind of device. */
const builtBy = (build: () => Graph, device: string) => {
  const program = build()
  return {
    program: serialiseProgram(program, device),
    readsWeights: program.parameters.some(({ source }) => "location" in source)
  }
}

/** The places to open a policy on: at least one, of one kind of device, since results must not depend on which is free. */
export const checkedPlaces = (
  given: Places
): Effect.Effect<readonly [Place, ...ReadonlyArray<Place>], PolicyRequestError> => {
  const [first, ...others] = placesOf(given)
  const kind = (place: Place) => place.device.split(":")[0]
  if (first !== undefined && others.every((place) => kind(place) === kind(first))) {
    return Effect.succeed([first, ...others])
  }
  return Effect.fail(
    new PolicyRequestError({
      operation: "open",
      place: "devices",
      problem: first === undefined
        ? "names none"
        : `are of different kinds (${[first, ...others].map(({ device }) => device).join(", ")})`,
      remedy: "Give one device, or several of one kind: cpu, cpu or cuda:0, cuda:1."
    })
  )
}
