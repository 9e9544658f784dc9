/** How a node fails, in one sentence. */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"

/** A node failed, by an error of its own or by a defect in its code. */
export class NodeFailure extends Schema.TaggedError<NodeFailure>()("NodeFailure", {
  node: Schema.String,
  kind: Schema.String,
  problem: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `${this.node} failed: ${this.problem}`
  }
}

/** An input file was written while a node read it, so that its output belongs to neither content. */
export class InputChanged extends Schema.TaggedError<InputChanged>()("InputChanged", {
  node: Schema.String,
  path: Schema.String
}) {
  override get message(): string {
    return `${this.path} changed while ${this.node} was reading it. Run again once it is written.`
  }
}

/** What was just computed again was gone when it was to be read. */
export class KeptLosingArtifacts extends Schema.TaggedError<KeptLosingArtifacts>()("KeptLosingArtifacts", {
  node: Schema.String,
  store: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const problem = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `the inputs of ${this.node} vanish from the store as soon as they are written (${problem}) `
      + `Check what else writes to ${this.store}.`
  }
}

/**
 * What went wrong: the message of the error, or of the defect and where in the code it was thrown; in one line. A message
 * may quote data from outside, whose control characters would reach the terminal, so these are spelled out.
 */
export const sentence = (cause: Cause.Cause<unknown>): string =>
  problemOf(Cause.squash(cause))
    .trim()
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

const problemOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const message = error.message === "" ? error.name : error.message
  // A tagged error was made to be read; anything else is a defect, and then the place in the code is what helps.
  if ("_tag" in error) return message
  const place = /\(?(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/])[^()\n]*:\d+):\d+\)?$/m.exec(error.stack ?? "")?.[1]
  return place === undefined || place.includes("node_modules")
    ? `${error.name}: ${message}`
    : `${error.name}: ${message} (at ${place})`
}
