/** Opens the policy that a node reads, on the device that the node was leased. */
import * as Effect from "effect/Effect"
import { Device, TableType } from "gemflow"
import { ArtifactStore, Policy, type Table } from "gemflow/artifacts"
import { NotOnePolicy } from "./PolicyInputError.ts"

/** What a node reads of a policy in order to run it. */
export const PolicyInput = TableType.pick(Policy, "policy_id", "checkpoint")

/**
 * The policy of a table with one row, and its id.
 *
 * @errors NotOnePolicy, ArtifactAbsent for a checkpoint that the store lost, CheckpointError for one that does not open.
 */
export const openInput = Effect.fn("openInput")(function*(table: Table<typeof PolicyInput>) {
  const [row, ...others] = table.rows()
  if (row === undefined || others.length > 0) return yield* new NotOnePolicy({ found: table.numRows })
  const store = yield* ArtifactStore
  const device = yield* Device
  const { openPolicy } = yield* Effect.promise(() => import("../../runtime/policy/OpenPolicy.ts"))
  const policy = yield* openPolicy(yield* store.directoryPath(row.checkpoint), device)
  return { policy, ...row }
})
