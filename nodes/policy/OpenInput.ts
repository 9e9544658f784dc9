/** Opens the policy that a node reads, on the devices that the node was leased. */
import * as Effect from "effect/Effect"
import { Device, TableType } from "gemflow"
import { ArtifactStore, Policy, type Table } from "gemflow/artifacts"
import { NotOnePolicy, OtherBaseWeights } from "./PolicyInputError.ts"
import type { PolicyFiles } from "./PolicyRow.ts"

/** What a node reads of a policy in order to run it. */
export const PolicyInput = TableType.pick(Policy, "policy_id", "checkpoint", "adapter", "base_weights")

/** The types that the linear layers of a base can be quantised to. */
export type BaseWeights = "int8" | "int4"

/**
 * The policy of a table with one row, its id and what it is made of.
 *
 * @param asked quantises the base, where it is not quantised yet. An adapter belongs to the base it was trained over.
 * @errors NotOnePolicy, OtherBaseWeights, ArtifactAbsent for a checkpoint or adapter that the store lost, CheckpointError
 * for one that does not open.
 */
export const openInput = Effect.fn("openInput")(function*(table: Table<typeof PolicyInput>, asked?: BaseWeights) {
  return yield* openRow(yield* onlyRow(table), asked)
})

const openRow = Effect.fnUntraced(function*(row: TableType.Row<typeof PolicyInput>, asked?: BaseWeights) {
  const { adapter, base_weights, checkpoint, policy_id } = row
  const settled = adapter !== null || base_weights !== null
  if (settled && asked !== undefined && asked !== base_weights) {
    return yield* new OtherBaseWeights({
      asked,
      found: base_weights === null ? "as they are stored" : `in ${base_weights}`
    })
  }
  const baseWeights = asked ?? (isBaseWeights(base_weights) ? base_weights : undefined)
  const store = yield* ArtifactStore
  const devices = yield* Device
  const { openPolicy } = yield* Effect.promise(() => import("../../runtime/policy/OpenPolicy.ts"))
  const policy = yield* openPolicy(yield* store.directoryPath(checkpoint), devices, {
    ...(adapter !== null && { adapter: yield* store.directoryPath(adapter) }),
    ...(baseWeights !== undefined && { baseWeights })
  })
  const files: PolicyFiles = { checkpoint, adapter, base_weights: baseWeights ?? null }
  return { policy, policy_id, files }
})

/** The reference policy of a table with one row, without its adapter where that is asked for. */
export const openReference = Effect.fn("openReference")(
  function*(table: Table<typeof PolicyInput>, { without_adapter }: { readonly without_adapter: boolean }) {
    const row = yield* onlyRow(table)
    return yield* openRow(without_adapter ? { ...row, adapter: null } : row)
  }
)

/** Tokenizer and context of the policy of a table with one row, for nodes that compute nothing with it. */
export const openTokenizerOf = Effect.fn("openTokenizerOf")(function*(table: Table<typeof PolicyInput>) {
  const { checkpoint } = yield* onlyRow(table)
  const store = yield* ArtifactStore
  const { openPolicy } = yield* Effect.promise(() => import("../../runtime/policy/OpenPolicy.ts"))
  const { contextLength, tokenizer } = yield* openPolicy(yield* store.directoryPath(checkpoint), "cpu")
  return { contextLength, tokenizer }
})

const onlyRow = Effect.fnUntraced(function*(table: Table<typeof PolicyInput>) {
  const [row, ...others] = table.rows()
  return row === undefined || others.length > 0 ? yield* new NotOnePolicy({ found: table.numRows }) : row
})

const isBaseWeights = (text: string | null): text is BaseWeights => text === "int8" || text === "int4"
