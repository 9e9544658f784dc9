import type { Graph } from "../onnx/Graph.ts"
import { type Program, serialise } from "../onnx/Model.ts"

/** A policy's program as an ONNX model. Rotary positions are onnxruntime's own fused op, of its own opset. */
export const serialiseProgram = (graph: Graph): Program => serialise(graph, { domains: { "com.microsoft": 1 } })
