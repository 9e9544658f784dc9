import { fromBinary } from "@bufbuild/protobuf"
import { Effect, FileSystem } from "effect"
import { InferenceSession } from "onnxruntime-node"
import type { Program } from "../../../runtime/onnx/Model.ts"
import { type GraphProto, ModelProtoSchema } from "../../../runtime/onnx/proto/onnx_pb.ts"

/** A program as onnxruntime runs it, after its own rewriting. */
export const optimised = (program: Program): Effect.Effect<GraphProto, unknown, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fileSystem = yield* FileSystem.FileSystem
    const path = `${yield* fileSystem.makeTempDirectoryScoped()}/model.onnx`
    const session = yield* Effect.promise(() =>
      InferenceSession.create(program.model, {
        optimizedModelFilePath: path,
        graphOptimizationLevel: "all",
        logSeverityLevel: 4
      })
    )
    yield* Effect.promise(() => session.release())
    const { graph } = fromBinary(ModelProtoSchema, yield* fileSystem.readFile(path))
    return graph ?? (yield* Effect.die(new Error("the optimised model has no graph")))
  }).pipe(Effect.scoped)

/** Bytes of all fixed tensors of a graph and of the bodies in it. */
export const fixedBytes = (graph: GraphProto): number => {
  const own = graph.initializer.reduce((sum, { rawData }) => sum + rawData.byteLength, 0)
  const inner = graph.node.flatMap(({ attribute }) =>
    attribute.flatMap(({ g }) => g === undefined ? [] : [fixedBytes(g)])
  )
  return inner.reduce((a, b) => a + b, own)
}
