/** A policy as files for other programs: merged weights, its adapter alone, or its generation program. */
import * as Effect from "effect/Effect"
import { cp, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { adaptedSource } from "../adapter/AdaptedWeights.ts"
import { openAdapter } from "../adapter/Adapter.ts"
import { mergedReader } from "../adapter/MergeAdapter.ts"
import { openCheckpoint } from "../checkpoint/Checkpoint.ts"
import { CheckpointError } from "../checkpoint/CheckpointError.ts"
import { copyCompanions, rewardModelOf, saveWeights } from "../checkpoint/SaveCheckpoint.ts"
import { wholeDirectory } from "../checkpoint/WholeDirectory.ts"
import { generateProgram } from "../generate/GenerateProgram.ts"
import type { Sampling } from "../generate/SampleToken.ts"
import { type BaseWeights, quantisedCheckpoint } from "../quantised/QuantisedCheckpoint.ts"
import { serialiseProgram } from "../SerialiseProgram.ts"
import { openTokenizer } from "../tokenizer/PolicyTokenizer.ts"
import { writeData } from "./DataFile.ts"
import { describePrograms, type Kind, kindNames } from "./ProgramDescription.ts"

export interface PolicyFiles {
  /** A HuggingFace directory. */
  readonly checkpoint: string
  /** A PEFT directory beside it. */
  readonly adapter?: string
  /** The linear layers are quantised to this. */
  readonly baseWeights?: BaseWeights
}

/**
 * A HuggingFace directory of the weights that the policy computes with: W + scale B A, added up in float32, where it has an
 * adapter; quantised weights as the values they stand for. A policy that is its checkpoint is copied as it is.
 */
export const exportCheckpoint = Effect.fn("Policy.exportCheckpoint")(function*(files: PolicyFiles, directory: string) {
  if (files.adapter === undefined && files.baseWeights === undefined) {
    return yield* copyDirectory(files.checkpoint, directory)
  }
  const { adapter, checkpoint } = yield* openFiles(files)
  const read = adapter === undefined ? checkpoint.read : mergedReader(checkpoint.read, adapter)
  yield* saveWeights(checkpoint, read, directory)
})

/** A copy, whole or not at all. */
export const copyDirectory = (from: string, directory: string) =>
  wholeDirectory(directory, (folder, attempt) => attempt(() => cp(from, folder, { recursive: true })))

const DATA = "model.onnx.data"
const DESCRIPTION = "generation_program.json"

/** Ways of choosing tokens, each a program of its own; all read the same weights. */
const samplings: Readonly<Record<Kind, { readonly file: string; readonly sampling: Sampling }>> = {
  sample: { file: "model.onnx", sampling: { kind: "all", tempered: true } },
  nucleus: { file: "nucleus.onnx", sampling: { kind: "nucleus", tempered: true } },
  greedy: { file: "greedy.onnx", sampling: { kind: "greedy" } }
}

/**
 * The program that generates, as ONNX models that any onnxruntime runs: model.onnx samples, nucleus.onnx among the likeliest
 * tokens, greedy.onnx takes the likeliest one. All read model.onnx.data; generation_program.json says what they take and
 * give. The tokenizer lies beside them.
 */
export const exportProgram = Effect.fn("Policy.exportProgram")(function*(files: PolicyFiles, directory: string) {
  const { adapter, checkpoint } = yield* openFiles(files)
  const { config } = checkpoint
  if (config.scoreHead === true) {
    return yield* new CheckpointError({
      path: join(files.checkpoint, "config.json"),
      place: "architectures",
      problem: `is ${config.architecture}, which generates nothing`,
      remedy: "Export a reward model in the format huggingface."
    })
  }
  const { bosId, eosIds, padId } = yield* openTokenizer(files.checkpoint, config.vocabularySize)
  const source = adapter === undefined ? checkpoint.source : adaptedSource(config, checkpoint.source, adapter)
  const graphs = kindNames.map((kind) => ({
    ...samplings[kind],
    kind,
    graph: generateProgram(config, source, eosIds, samplings[kind].sampling)
  }))
  const weights = yield* checkpoint.folder
  yield* wholeDirectory(directory, (folder, attempt) =>
    Effect.gen(function*() {
      yield* writeData({ programs: graphs.map(({ graph }) => graph), weights, folder, file: DATA })
      const programs = yield* Effect.forEach(graphs, ({ file, graph, kind }) => {
        const { inputs, model, outputs } = serialiseProgram(graph)
        return Effect.as(attempt(() => writeFile(join(folder, file), model)), { kind, file, inputs, outputs })
      })
      const description = describePrograms({ config, programs, data: DATA, eosIds, padId, bosId })
      yield* attempt(async () => {
        await writeFile(join(folder, DESCRIPTION), `${JSON.stringify(description, null, 2)}\n`)
        await writeFile(join(folder, "config.json"), checkpoint.configText)
        await copyCompanions(files.checkpoint, folder)
      })
    }))
})

const openFiles = Effect.fnUntraced(function*(files: PolicyFiles) {
  const stored = yield* openCheckpoint(files.checkpoint)
  const base = files.baseWeights === undefined ? stored : yield* quantisedCheckpoint(stored, files.baseWeights)
  const adapter = files.adapter === undefined ? undefined : yield* openAdapter(files.adapter, stored.config)
  return { adapter, checkpoint: adapter?.config.scoreHead === true ? rewardModelOf(base) : base }
})
