/** What generating, scoring and training share: an open checkpoint, and the means to load programs on its device. */
import type * as Effect from "effect/Effect"
import type { Graph } from "../onnx/Graph.ts"
import type { SessionError } from "../onnx/SessionError.ts"
import type { Session } from "../onnx/Sessions.ts"
import type { Adapter } from "./adapter/Adapter.ts"
import type { BatchLimits } from "./Batches.ts"
import type { Checkpoint, WeightsError } from "./checkpoint/Checkpoint.ts"
import type { WeightSource } from "./model/Weights.ts"

/** What can go wrong when a program is loaded or run. */
export type EngineError = SessionError | WeightsError

export interface Engine {
  /** Its source gives the weights of the policy, the adapter beside them where there is one. */
  readonly checkpoint: Checkpoint
  /** The weights without the adapter. */
  readonly base: WeightSource
  readonly adapter: Adapter | undefined
  readonly eosIds: ReadonlyArray<number>
  readonly padId: number
  readonly limits: BatchLimits
  /** Loads a program that reads the checkpoint's weights; loaded once for each key. */
  readonly program: (key: string, build: () => Graph) => Effect.Effect<Session, EngineError>
  /** Loads a program of its own; those with the same `state` share what they carry. */
  readonly fresh: (build: () => Graph, state?: string) => Effect.Effect<Session, EngineError>
}
