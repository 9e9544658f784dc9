/** Everything that can be wrong with a pipeline before anything runs. Each message names the place and the remedy. */
import * as Schema from "effect/Schema"

/** A node, instance or round has a name that `--set NODE.FIELD=VALUE` and `--select NODE+` could not tell apart. */
export class InvalidNodeName extends Schema.TaggedError<InvalidNodeName>()("InvalidNodeName", {
  place: Schema.String,
  name: Schema.String
}) {
  override get message() {
    return `${this.place}: "${this.name}" cannot name a node; use letters, digits, "-" and "_", as in "entropy-score".`
  }
}

/** A node was called where no pipeline is being built. */
export class NodeOutsidePipeline extends Schema.TaggedError<NodeOutsidePipeline>()("NodeOutsidePipeline", {
  place: Schema.String,
  node: Schema.String
}) {
  override get message() {
    return `${this.place}: ${this.node} is called outside pipeline("name", () => { … }); call nodes inside that `
      + "function (and see that only one copy of gemflow is installed)."
  }
}

/** A handle that another pipeline's definition gave, or that no pipeline ever gave, is wired. */
export class ForeignHandle extends Schema.TaggedError<ForeignHandle>()("ForeignHandle", {
  place: Schema.String,
  node: Schema.String,
  input: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `${this.place}: input ${this.input} of ${this.node} is wired to ${this.found} of another pipeline; call that node `
      + "in this pipeline too, in a function that both pipelines call."
  }
}

/** The function that defines a pipeline, a scope or a round gives something that is no handle, a promise say. */
export class InvalidDefinition extends Schema.TaggedError<InvalidDefinition>()("InvalidDefinition", {
  place: Schema.String,
  /** What is defined, e.g. `pipeline("gem", …)`. */
  what: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return this.found === "a promise"
      ? `${this.place}: the function in ${this.what} is async, and what it calls after an await would be in no pipeline; make `
        + "it a plain function, and await what it needs before (top-level await works)."
      : `${this.place}: the function in ${this.what} returns ${this.found}; return what calling a node returned, or nothing.`
  }
}

/** A function that defines pipelines was called with something that TypeScript would have refused. */
export class WrongArgument extends Schema.TaggedError<WrongArgument>()("WrongArgument", {
  place: Schema.String,
  /** How it is called, e.g. `variant(base, "name", change, …)`. */
  call: Schema.String,
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `${this.place}: ${this.call} takes ${this.expected}, found ${this.found}.`
  }
}

/** Two instances have one name. */
export class DuplicateNodeName extends Schema.TaggedError<DuplicateNodeName>()("DuplicateNodeName", {
  place: Schema.String,
  node: Schema.String,
  previous: Schema.String
}) {
  override get message() {
    return `${this.place}: the name ${this.node} is taken by the node at ${this.previous}; give this one its own with a `
      + `third argument, { name: "…" }.`
  }
}

/** Rounds cannot be repeated a fractional or negative number of times. */
export class InvalidRounds extends Schema.TaggedError<InvalidRounds>()("InvalidRounds", {
  place: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `${this.place}: rounds(${this.found}, …) cannot be; the number of rounds is a whole number from 0 on.`
  }
}

/** A column that an input needs and the wired table lacks or has with another type. */
export const ColumnMismatch = Schema.Struct({
  column: Schema.String,
  expected: Schema.String,
  found: Schema.optionalKey(Schema.String)
})

/** An input is wired to a table that lacks a column, to something that is no table, or not at all. */
export class InputMismatch extends Schema.TaggedError<InputMismatch>()("InputMismatch", {
  place: Schema.String,
  node: Schema.String,
  input: Schema.String,
  /** What the input takes, e.g. `a table EntropyScores`. */
  expected: Schema.String,
  /** What it was wired to, e.g. `the table Candidates of sample`. */
  found: Schema.String,
  columns: Schema.Array(ColumnMismatch)
}) {
  override get message() {
    const columns = this.columns.map(({ column, expected, found }) =>
      found === undefined
        ? `column ${column} (${expected}) is missing`
        : `column ${column} is ${found}, not ${expected}`
    )
    const detail = columns.length === 0 ? "" : `: ${columns.join(", ")}`
    // Tables are compared by their columns: one of the same name may lack some.
    const remedy = columns.length === 0
      ? `a node that makes ${this.expected}`
      : `a node whose table has ${columns.length === 1 ? "this column" : "these columns"}`
    return `${this.place}: input ${this.input} of ${this.node} takes ${this.expected}, but is wired to `
      + `${this.found}${detail}; wire it to ${remedy}.`
  }
}

/** An instance is wired to one that is not in the pipeline. */
export class UnknownInput extends Schema.TaggedError<UnknownInput>()("UnknownInput", {
  place: Schema.String,
  node: Schema.String,
  input: Schema.String,
  found: Schema.String,
  suggestion: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return `${this.place}: input ${this.input} of ${this.node} is wired to ${this.found}, which is not in this pipeline; `
      + (this.suggestion === undefined
        ? "create that node inside the same pipeline(…) call."
        : `did you mean ${this.suggestion}?`)
  }
}

/** Nodes that wait for each other. `path` begins and ends with the same instance; each one reads the one before it. */
export class PipelineCycle extends Schema.TaggedError<PipelineCycle>()("PipelineCycle", {
  pipeline: Schema.String,
  path: Schema.Array(Schema.String)
}) {
  override get message() {
    return `pipeline ${this.pipeline} has a cycle, ${
      this.path.join(" -> ")
    }; a node cannot read what depends on its own `
      + "output: wire one of these to an earlier node (rounds(…) repeats nodes without a cycle)."
  }
}

/** A pipeline file does not export a pipeline. */
export class NotAPipeline extends Schema.TaggedError<NotAPipeline>()("NotAPipeline", {
  file: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `${this.file}: the default export is ${this.found}, not a pipeline; end the file with `
      + `export default pipeline("name", () => { … }).`
  }
}

/** A config field does not decode. `file` is the place that wrote the value: a line of the pipeline file, or a `--set`. */
export class InvalidNodeConfig extends Schema.TaggedError<InvalidNodeConfig>()("InvalidNodeConfig", {
  file: Schema.String,
  node: Schema.String,
  field: Schema.String,
  expected: Schema.String,
  found: Schema.String,
  suggestion: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const meant = this.suggestion === undefined ? "" : ` (did you mean ${this.suggestion}?)`
    const what = this.field === "" ? `config of ${this.node}` : `field ${this.field} of ${this.node}`
    return `${this.file}: ${what} expects ${this.expected}, found ${this.found}${meant}.`
  }
}

/** A `--set`, `--select` or variant names a node that the pipeline does not have. */
export class UnknownNode extends Schema.TaggedError<UnknownNode>()("UnknownNode", {
  /** Where it was named, e.g. `--set entropy-scor.lambda=1`. */
  place: Schema.String,
  node: Schema.String,
  pipeline: Schema.String,
  /** Names in the pipeline, without scopes: all, or those most like the one that was written. */
  nearest: Schema.Array(Schema.String),
  /** How many nodes the pipeline has. */
  count: Schema.Int,
  suggestion: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const meant = this.suggestion === undefined ? "" : ` Did you mean ${this.suggestion}?`
    const nodes = this.count === 0
      ? "It has no nodes."
      : `It has ${this.count} ${this.count === 1 ? "node" : "nodes"}, such as ${this.nearest.join(", ")}.`
    return `${this.place}: pipeline ${this.pipeline} has no node ${this.node}.${meant} ${nodes}`
  }
}

/** A change of a variant means all instances of a node, and the pipeline has none. */
export class NodeNotUsed extends Schema.TaggedError<NodeNotUsed>()("NodeNotUsed", {
  place: Schema.String,
  node: Schema.String,
  pipeline: Schema.String
}) {
  override get message() {
    return `${this.place}: pipeline ${this.pipeline} does not use the node ${this.node}; change a node that it calls (one `
      + "that was swapped in before counts, one that was swapped out does not)."
  }
}

/** `seeds` finds no node with a seed. */
export class NothingToReseed extends Schema.TaggedError<NothingToReseed>()("NothingToReseed", {
  place: Schema.String,
  pipeline: Schema.String,
  /** The nodes that were named; none means all that are not exact. */
  nodes: Schema.Array(Schema.String)
}) {
  override get message() {
    const of = this.nodes.length === 0
      ? `pipeline ${this.pipeline} has no node that is seeded or sampled and has a config field seed`
      : `${this.nodes.join(", ")} ${this.nodes.length === 1 ? "has" : "have"} no config field seed`
    return `${this.place}: ${of}; name the nodes whose seeds count, seeds(3, Sample).`
  }
}

/** A grid's axis, level or option cannot be. */
export class InvalidGrid extends Schema.TaggedError<InvalidGrid>()("InvalidGrid", {
  place: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.place}: ${this.problem}`
  }
}

/** A `--set` is not of the form NODE.FIELD=VALUE, or a `--vary` not NODE.FIELD=VALUE,VALUE. */
export class MalformedSetting extends Schema.TaggedError<MalformedSetting>()("MalformedSetting", {
  place: Schema.String,
  expected: Schema.String
}) {
  override get message() {
    const example = this.expected.endsWith(",…") ? "0.1,0.5" : "0.5"
    return `${this.place} is not of the form ${this.expected}, as in entropy-score.lambda=${example}.`
  }
}

/** A variant drops a node that no single input can stand in for. */
export class CannotDrop extends Schema.TaggedError<CannotDrop>()("CannotDrop", {
  place: Schema.String,
  node: Schema.String,
  output: Schema.String,
  /** The inputs that have the columns of the output: none, or several. */
  inputs: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.place}: ${this.node} cannot be dropped, because `
      + (this.inputs.length === 0
        ? `none of its inputs has the columns of ${this.output} that its readers would then need`
        : `several of its inputs (${this.inputs.join(", ")}) have the columns of ${this.output}`)
      + "; swap it for a node with the same contract instead."
  }
}

/** What `pipeline`, `rounds`, `variant` and their kin throw, and what planning fails with. */
export type PipelineError =
  | InvalidNodeName
  | NodeOutsidePipeline
  | DuplicateNodeName
  | InvalidRounds
  | InputMismatch
  | UnknownInput
  | PipelineCycle
  | NotAPipeline
  | InvalidNodeConfig
  | UnknownNode
  | NodeNotUsed
  | NothingToReseed
  | InvalidGrid
  | ForeignHandle
  | WrongArgument
  | InvalidDefinition
  | MalformedSetting
  | CannotDrop
