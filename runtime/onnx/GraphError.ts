import * as Schema from "effect/Schema"
import { printShape } from "./Dimension.ts"
import type { Tensor } from "./Graph.ts"

/**
 * A graph that cannot be built: operands of shapes or types that an op does not take, a tensor used outside the loop
 * body it lives in, a gradient that does not exist. Thrown while building, so nothing of it ever runs.
 */
export class GraphError extends Schema.TaggedError<GraphError>()("GraphError", {
  /** The op, as its function is called. */
  op: Schema.String,
  /** The named scopes around the op, outermost first: "layers.0/attention". */
  place: Schema.String,
  operands: Schema.Array(Schema.String),
  problem: Schema.String
}) {
  override get message() {
    const where = this.place === "" ? "" : ` in ${this.place}`
    const what = this.operands.length === 0 ? "" : ` (${this.operands.join("; ")})`
    return `${this.op}${where}: ${this.problem}${what}`
  }
}

export const describe = (tensor: Tensor): string => `${tensor.name}: ${tensor.dtype}${printShape(tensor.shape)}`
