/** What generating, scoring and training share: an open checkpoint, and the workers that compute with it. */
import type { SessionError } from "../onnx/SessionError.ts"
import type { Adapter } from "./adapter/Adapter.ts"
import type { BatchLimits } from "./Batches.ts"
import type { Checkpoint, WeightsError } from "./checkpoint/Checkpoint.ts"
import type { WeightSource } from "./model/Weights.ts"
import type { PolicyWorkers } from "./parallel/PolicyWorkers.ts"

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
  readonly workers: PolicyWorkers
  /** Whether the workers compute on GPUs. */
  readonly gpu: boolean
}
