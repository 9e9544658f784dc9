/** The policy of a stored table, as files for other programs. */
import * as Effect from "effect/Effect"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { Policy } from "../../artifacts/tables/Policy.ts"

export const formats = ["huggingface", "adapter", "onnx"] as const
export type Format = (typeof formats)[number]

/** What a policy is made of, by the digests of stored directories. */
export interface StoredPolicy {
  readonly checkpoint: string
  readonly adapter: string | undefined
  readonly baseWeights: "int8" | "int4" | undefined
}

/** The one policy of a table; undefined where it is a table of something else, or of several. */
export const storedPolicy = Effect.fnUntraced(function*(digest: string) {
  const store = yield* ArtifactStore
  const { numRows, table } = yield* store.describe(digest)
  if (table !== Policy.name || numRows !== 1) return undefined
  const [row] = (yield* store.open(digest)).rows()
  const { adapter, base_weights: weights, checkpoint } = row ?? {}
  if (typeof checkpoint !== "string") return undefined
  const policy: StoredPolicy = {
    checkpoint,
    adapter: typeof adapter === "string" ? adapter : undefined,
    baseWeights: weights === "int8" || weights === "int4" ? weights : undefined
  }
  return policy
})

/** What is written, for those who asked. */
export const wording: Readonly<Record<Format, string>> = {
  huggingface: "the checkpoint",
  adapter: "the adapter",
  onnx: "the generation program"
}

/** Writes a policy to a new folder, whole or not at all. The adapter alone only where there is one. */
export const writePolicy = Effect.fnUntraced(function*(policy: StoredPolicy, format: Format, destination: string) {
  const store = yield* ArtifactStore
  const checkpoint = yield* store.directoryPath(policy.checkpoint)
  const adapter = policy.adapter === undefined ? undefined : yield* store.directoryPath(policy.adapter)
  const { copyDirectory, exportCheckpoint, exportProgram } = yield* Effect.promise(() =>
    import("../policy/export/ExportPolicy.ts")
  )
  const files = {
    checkpoint,
    ...(adapter !== undefined && { adapter }),
    ...(policy.baseWeights !== undefined && { baseWeights: policy.baseWeights })
  }
  if (format === "onnx") return yield* exportProgram(files, destination)
  if (format === "huggingface") return yield* exportCheckpoint(files, destination)
  if (adapter !== undefined) yield* copyDirectory(adapter, destination)
}, Effect.scoped)
