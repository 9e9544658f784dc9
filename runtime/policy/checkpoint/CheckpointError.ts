import * as Schema from "effect/Schema"

/** A checkpoint directory that cannot be opened or saved: which file, where in it, what is wrong and what to do. */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  /** Path of the file at fault. */
  path: Schema.String,
  /** Where in the file: a field ("rope_scaling.type") or a tensor ("model.norm.weight"); "" for the whole file. */
  place: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${fileName(this.path)}${this.place === "" ? "" : `, ${this.place}`}: ${this.problem}. ${this.remedy}`
  }
}

/** A user's own file by its path; a file of the store's copy by its name and the checkpoint's digest, as lineage shows it. */
const fileName = (path: string): string => {
  const stored = /[/\\]directories[/\\][0-9a-f]{2}[/\\]([0-9a-f]{64})[/\\](.+)$/.exec(path)
  return stored === null ? path : `${stored[2]} of the checkpoint ${stored[1]?.slice(0, 12)} in the store`
}
