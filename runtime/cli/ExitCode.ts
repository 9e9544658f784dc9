/** Exit codes: 0 done, 1 a node failed or something went wrong while running, 2 the command or the pipeline is wrong. */
import * as Schema from "effect/Schema"

/** The pipeline ran and nodes failed. */
export class NodesFailed extends Schema.TaggedError<NodesFailed>()("NodesFailed", {
  failures: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.failures.join("\n")
  }
}

/** A node was asked about that has no output yet. */
export class NotRunYet extends Schema.TaggedError<NotRunYet>()("NotRunYet", {
  node: Schema.String,
  file: Schema.String
}) {
  override get message(): string {
    return `${this.node} has no output yet. Run it with: gemflow run ${this.file} --select ${this.node}`
  }
}

const usageErrors: ReadonlySet<string> = new Set([
  "AmbiguousRun",
  "CannotDrop",
  "CodeNotTraceable",
  "InputMismatch",
  "InputNotReadable",
  "InvalidGrid",
  "InvalidNodeConfig",
  "InvalidNodeOption",
  "MalformedAmount",
  "MalformedBetween",
  "MalformedSetting",
  "MixedDevices",
  "NoSuchNode",
  "NodeNotUsed",
  "NoSuchArtifact",
  "NotAStore",
  "NotComparable",
  "NotInRun",
  "NothingToCompare",
  "NothingToReseed",
  "NothingToVary",
  "NothingAsked",
  "PipelineNotLoaded",
  "ProjectExists",
  "RowNotFound",
  "SampleOfNothing",
  "TooFewDevices",
  "TooFewResources",
  "UnknownArtifact",
  "UnknownMetric",
  "UnknownColumn",
  "UnknownNode",
  "UnknownRun",
  "UnusableDestination"
])

export const exitCodeOf = (error: unknown): number =>
  error instanceof Error && "_tag" in error && typeof error._tag === "string" && usageErrors.has(error._tag) ? 2 : 1
