import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../artifacts/StoreError.ts"

/**
 * Where a node that takes long keeps unfinished work, so that the next run continues after a kill: training states, not
 * results. Work found there is of the same key: of equal code, config and inputs.
 */
export class Workspace extends Context.Service<Workspace, {
  /**
   * A folder of this execution alone, made when it is first asked for. It stays when the node fails or the process ends, and
   * is what the next execution of the same key is given; it is removed when the node succeeds.
   */
  readonly folder: Effect.Effect<string, StoreError>
}>()("gemflow/pipeline/Workspace") {}
