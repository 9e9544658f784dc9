import type { Graph } from "../onnx/Graph.ts"
import { type Program, serialise } from "../onnx/Model.ts"
import { DECODING } from "./generate/DecodingBody.ts"

/**
 * A policy's program as an ONNX model. Rotary positions are onnxruntime's own fused op, of its own opset.
 *
 * @param device what it will run on. On `cpu` the body that decodes a token has weights of its own, which are repacked:
 * 2.3 times the tokens per second at 4 rows, 1.2 at 40, 1.1 at 160 (docs/performance.md).
 */
export const serialiseProgram = (graph: Graph, device?: string): Program =>
  serialise(graph, { domains: { "com.microsoft": 1 }, ownWeights: device === "cpu" ? [DECODING] : [] })
