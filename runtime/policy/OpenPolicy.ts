/** Opens a checkpoint directory as a policy. */
import * as Effect from "effect/Effect"
import type { Places } from "../onnx/Place.ts"
import { adaptedSource } from "./adapter/AdaptedWeights.ts"
import { openAdapter } from "./adapter/Adapter.ts"
import { type BatchLimits, defaultLimits } from "./Batches.ts"
import { openCheckpoint } from "./checkpoint/Checkpoint.ts"
import { CheckpointError } from "./checkpoint/CheckpointError.ts"
import { type GenerationDefaults, readGenerationDefaults } from "./checkpoint/GenerationConfig.ts"
import { rewardModelOf } from "./checkpoint/SaveCheckpoint.ts"
import { hasValueHead } from "./checkpoint/ValueHeadFile.ts"
import type { WeightType } from "./checkpoint/WeightType.ts"
import type { Engine } from "./Engine.ts"
import { generate } from "./generate/Generate.ts"
import { parameterCount } from "./model/ModelTensors.ts"
import { checkedPlaces, policyWorkers } from "./parallel/PolicyWorkers.ts"
import type { Policy } from "./Policy.ts"
import { precisionFor } from "./Precision.ts"
import { type BaseWeights, quantisedCheckpoint } from "./quantised/QuantisedCheckpoint.ts"
import { rewards, values } from "./score/HeadValues.ts"
import { score } from "./score/Score.ts"
import { openTokenizer } from "./tokenizer/PolicyTokenizer.ts"
import { train } from "./train/Train.ts"

export interface OpenOptions extends Partial<BatchLimits> {
  /** A PEFT directory: a LoRA adapter of this checkpoint. */
  readonly adapter?: string
  /** Computes with the linear layers quantised. They can then be adapted, not trained. */
  readonly baseWeights?: BaseWeights
  /** The type to compute in. Default: float32; on CUDA the type that the checkpoint is stored in. */
  readonly precision?: WeightType
}

/**
 * Opens a HuggingFace directory on one or more devices: checks it whole, loads programs when they are first needed, and
 * releases them with the scope.
 *
 * @param devices `cpu`, `cuda:<n>` or `webgpu`; or several of one kind, over which batches are spread. A list may name `cpu`
 * several times: each is a worker with its share of the cores, and holds a batch of its own in memory.
 * @param options an adapter; and what one batch may use, on which results do not depend.
 */
export const openPolicy = Effect.fn("Policy.open")(function*(
  directory: string,
  devices: Places,
  options: OpenOptions = {}
) {
  const places = yield* checkedPlaces(devices)
  const { adapter: adapterDirectory, baseWeights, precision: asked, ...limits } = options
  const precision = precisionFor(directory, places[0].device, asked)
  if (precision instanceof CheckpointError) return yield* precision
  const stored = yield* openCheckpoint(directory, { precision })
  const weights = baseWeights === undefined ? stored : yield* quantisedCheckpoint(stored, baseWeights)
  const adapter = adapterDirectory === undefined ? undefined : yield* openAdapter(adapterDirectory, stored.config)
  const opened = adapter?.config.scoreHead === true ? rewardModelOf(weights) : weights
  const { config, source: base } = opened
  const checkpoint = adapter === undefined ? opened : { ...opened, source: adaptedSource(config, base, adapter) }
  const tokenizer = yield* openTokenizer(directory, config.vocabularySize)
  const { eosIds, padId } = tokenizer
  const generation: GenerationDefaults = { ...yield* readGenerationDefaults(directory), eosIds, padId }
  const gpu = places[0].device !== "cpu"
  const engine: Engine = {
    checkpoint,
    base,
    adapter,
    eosIds,
    padId,
    // Caches that a run leaves for the next go through the host's memory: dear where that is not the device's.
    gpu,
    limits: { ...defaultLimits, ...(gpu && { runTokens: Infinity }), ...limits },
    workers: yield* policyWorkers(directory, checkpoint, places)
  }
  const policy: Policy = {
    config,
    tokenizer,
    generation,
    precision: checkpoint.precision,
    hasValueHead: hasValueHead(adapter?.directory ?? directory),
    ...(adapter !== undefined && { adapter: adapter.config }),
    contextLength: config.contextLength,
    parameters: parameterCount(config),
    generate: generate(engine),
    score: score(engine),
    rewards: rewards(engine),
    values: values(engine),
    train: train(engine)
  }
  return policy
})
