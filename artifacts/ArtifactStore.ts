/**
 * The content-addressed store of artifacts on disk: tables as Arrow IPC files, directories (model checkpoints) as they
 * are. An artifact is named by the digest of its content, so storing it twice stores it once, and several processes may
 * read and write at the same time. What is torn or altered is quarantined and reported as absent.
 *
 * StoreFiles.ts says where things are; TableStore.ts and DirectoryStore.ts keep the two kinds, and MakeStore.ts puts them together.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeStore } from "./MakeStore.ts"
import type { ArtifactAbsent, StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"
import type { Table } from "./Table.ts"
import type { TableMismatch } from "./TableMismatch.ts"
import type * as TableType from "./TableType.ts"

/** A stored table, described without reading it. */
export interface ArtifactRef {
  readonly digest: string
  /** Name of its table type. */
  readonly table: string
  /** Digest of each column, in order. */
  readonly columns: Readonly<Record<string, string>>
  readonly numRows: number
  /** Size of the Arrow file. */
  readonly bytes: number
  /** Digests of the stored directories that its rows refer to. */
  readonly directories: ReadonlyArray<string>
}

export class ArtifactStore extends Context.Service<ArtifactStore, {
  readonly root: string
  /** Makes sure that the store can be written, before work begins whose results it is to hold. */
  readonly prepare: Effect.Effect<void, StoreError>
  /** Stores a table. The directories that its rows refer to must be stored already. */
  readonly put: <T extends TableType.Any>(table: Table<T>) => Effect.Effect<ArtifactRef, StoreError>
  /**
   * Reads the columns of a table that `type` has; the others are not read. Each column is checked against its digest when a
   * process first reads it.
   */
  readonly get: <T extends TableType.Any>(
    type: T,
    digest: string
  ) => Effect.Effect<Table<T>, ArtifactAbsent | TableMismatch | StoreError>
  /** Reads a table, whatever its type, with all its columns or those named. Names that it has not are left out. */
  readonly open: (
    digest: string,
    columns?: ReadonlyArray<string>
  ) => Effect.Effect<Table<TableType.Any>, ArtifactAbsent | StoreError>
  readonly describe: (digest: string) => Effect.Effect<ArtifactRef, ArtifactAbsent | StoreError>
  /** Where the Arrow file of a table is, or would be. */
  readonly path: (digest: string) => string
  /** Whether a table (with the directories that it refers to) or a directory is stored, by manifests and sizes. */
  readonly has: (digest: string) => Effect.Effect<boolean, StoreError>
  /** Whether a table or a directory is stored and every byte of it is right. What is not right is quarantined. */
  readonly verify: (digest: string) => Effect.Effect<boolean, StoreError>
  /** Stores a copy of a directory's files; the digest is of their paths and contents. */
  readonly putDirectory: (source: string) => Effect.Effect<string, StoreError>
  /** Where a stored directory is. Read it, never write to it. */
  readonly directoryPath: (digest: string) => Effect.Effect<string, ArtifactAbsent | StoreError>
}>()("gemflow/artifacts/ArtifactStore") {
  /** The store in a directory, which is made when something is first stored. */
  static readonly layer = (root: string): Layer.Layer<ArtifactStore> =>
    Layer.effect(ArtifactStore, Effect.as(Files.sweepTemporary(root), ArtifactStore.of(makeStore(root))))
}
