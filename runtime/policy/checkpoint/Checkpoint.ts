/** A checkpoint on disk: a HuggingFace directory whose config and weights fit each other. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { join } from "node:path"
import type { SafetensorsError } from "../../../artifacts/Safetensors.ts"
import type { StoreError } from "../../../artifacts/StoreError.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { fixedWeights, type WeightSource } from "../model/Weights.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { parseJson, readText } from "./CheckpointFile.ts"
import { decodeConfig } from "./ConfigJson.ts"
import { convertedFolder, convertedLayout } from "./ConvertWeights.ts"
import { type ModelWeights, openModelWeights } from "./ModelWeights.ts"
import { WEIGHTS_FILE } from "./ShardIndex.ts"
import { readWeight } from "./WeightFile.ts"
import { storedTypes, type WeightType } from "./WeightType.ts"

/** What can go wrong when weights are made ready for programs. */
export type WeightsError = CheckpointError | SafetensorsError | StoreError

export interface Checkpoint {
  readonly directory: string
  readonly config: ModelConfig
  /** The text of config.json, to be written again as it was. */
  readonly configText: string
  /** The type that programs compute in. */
  readonly precision: WeightType
  /**
   * Weights for programs that only read them. Weights stored in the type of the program are read by onnxruntime itself,
   * in place; if any is of another type, all are converted once, and read from where they then lie.
   */
  readonly source: WeightSource
  /**
   * The folder that such programs find the weights in, to be given to their sessions. Where weights have to be converted,
   * this does it, the first time it is asked for.
   */
  readonly folder: Effect.Effect<string, WeightsError>
  /** The type that the linear layers are quantised to, where they are (quantised/QuantisedCheckpoint.ts). */
  readonly baseWeights?: "int8" | "int4"
  /** The weights as they are stored. */
  readonly weights: ModelWeights
  /** One weight as float32, in memory of its own. */
  readonly read: (name: string) => Effect.Effect<TensorData, WeightsError>
  /** All weights as float32, in memory of their own at each call. */
  readonly load: Effect.Effect<ReadonlyMap<string, TensorData>, CheckpointError | SafetensorsError>
}

export interface CheckpointOptions {
  /** The type that programs compute in; `stored` is the type that most weights are stored in. Default float32. */
  readonly precision?: WeightType | "stored"
}

/**
 * Opens a directory and checks every tensor against the config.
 *
 * Converted weights are kept in the ArtifactStore, where the context of `folder` has one; else as long as the scope.
 */
export const openCheckpoint = Effect.fn("Checkpoint.open")(
  function*(directory: string, { precision: asked = "float32" }: CheckpointOptions = {}) {
    const configText = yield* readText(directory, "config.json")
    const configJson = yield* parseJson(directory, "config.json", configText)
    const config = yield* decodeConfig(join(directory, "config.json"), configJson)
    const weights = yield* openModelWeights(directory, config)
    const precision = asked === "stored" ? weights.type : asked
    const { real, tensors } = weights
    const inPlace = [...tensors.values()].every(({ dtype }) => storedTypes[dtype] === precision) ? real : undefined
    const places = inPlace === undefined ? convertedLayout(weights, precision) : tensors
    const source = fixedWeights(config, (name) => {
      const { length, offset } = places.get(name) ?? { length: 0, offset: 0 }
      return { location: inPlace?.names.get(tensors.get(name)?.file ?? "") ?? WEIGHTS_FILE, offset, length }
    }, precision)
    const scope = yield* Scope.Scope
    const converting = yield* Semaphore.make(1)
    let ready = inPlace?.folder
    // Asked again where it failed or was interrupted.
    const folder = converting.withPermits(1)(
      Effect.suspend(() => ready === undefined ? convertedFolder(weights, precision) : Effect.succeed(ready))
        .pipe(
          Effect.tap((found) =>
            Effect.sync(() => {
              ready = found
            })
          ),
          Scope.provide(scope)
        )
    )

    const read = Effect.fnUntraced(function*(name: string) {
      const header = weights.files.get(tensors.get(name)?.file ?? "")
      if (header !== undefined) return yield* readWeight(header, name)
      const remedy = "Ask for one of the tensors of its architecture."
      return yield* new CheckpointError({ path: directory, place: name, problem: "is no weight of the model", remedy })
    })
    const load = Effect.gen(function*() {
      const values = new Map<string, TensorData>()
      for (const name of tensors.keys()) values.set(name, yield* read(name))
      return values
    })
    const checkpoint: Checkpoint = { directory, config, configText, precision, source, folder, weights, read, load }
    return checkpoint
  }
)
