import * as Schema from "effect/Schema"

/** The artifact store, or a directory given to it, could not be read or written. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  path: Schema.String,
  /** What was being done, as a phrase: "write an artifact", "read a directory". */
  operation: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `Cannot ${this.operation} at ${this.path}: ${reason(this.cause)}.${remedy(this.cause)}`
  }
}

/** The store does not hold an artifact, or no longer holds it whole; what made it has to run again. */
export class ArtifactAbsent extends Schema.TaggedError<ArtifactAbsent>()("ArtifactAbsent", {
  digest: Schema.String,
  path: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `Artifact ${this.digest.slice(0, 12)} is not in the store (${this.reason}: ${this.path}). `
      + `Run the pipeline again to recompute it.`
  }
}

/** The code of a system error such as ENOENT. */
export const errorCode = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

const reason = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const remedy = (cause: unknown): string => {
  switch (errorCode(cause)) {
    case undefined:
      return ""
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return " Give this user permission to write there, or choose another store with --store."
    case "ENOSPC":
    case "EDQUOT":
      return " Free some disk space, or choose another store with --store."
    case "ENOTDIR":
    case "EEXIST":
      return " Something that is not a directory is in the way; move it, or choose another store with --store."
    case "ENOENT":
      return " Check that the path exists."
    default:
      return " Check the path and the file system, or choose another store with --store."
  }
}
