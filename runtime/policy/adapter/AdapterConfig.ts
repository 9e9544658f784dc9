/** A low-rank adapter (Hu et al. 2021): which linear layers it changes, and by how much it may. */
import { SCORE_HEAD } from "../model/Heads.ts"
import { type LinearLayer, linearLayers, type ModelConfig, moduleName } from "../model/ModelConfig.ts"
import { modelTensors } from "../model/ModelTensors.ts"

export interface AdapterConfig {
  /** r: inner size of the product B A that is added to a matrix. */
  readonly rank: number
  /** Numerator of the scale of B A. */
  readonly alpha: number
  /** Scales by alpha / sqrt(rank), not alpha / rank (Kalajdzievski 2023, rsLoRA). */
  readonly rankStabilised: boolean
  /** Share of a layer's inputs that training hides from the adapter. */
  readonly dropout: number
  /** Full names of the layers that are adapted: "model.layers.0.self_attn.q_proj". */
  readonly modules: ReadonlyArray<string>
  /** A score head [1, hiddenSize] is trained with the adapter and kept in it: together with the base a reward model. */
  readonly scoreHead?: boolean
}

/** What B A is multiplied by. */
export const adapterScale = ({ alpha, rank, rankStabilised }: AdapterConfig): number =>
  alpha / (rankStabilised ? Math.sqrt(rank) : rank)

/** Names of A [rank, inputs] and B [outputs, rank] of a module, as PEFT has them below its wrapper's name. */
export const factorNames = (module: string) => ({ a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight` })

/** The tensors of an adapter with their shapes, A before B, in the order of the model's layers, and its score head. */
export const adapterTensors = (
  config: ModelConfig,
  { modules, rank, scoreHead }: AdapterConfig
): ReadonlyMap<string, ReadonlyArray<number>> => {
  const matrices = modelTensors(config)
  const factors = modules.flatMap((module) => {
    const [outputs, inputs] = matrices.get(`${module}.weight`) ?? []
    if (outputs === undefined || inputs === undefined) throw new Error(`${module} is not a linear layer of the model`)
    const { a, b } = factorNames(module)
    return [[a, [rank, inputs]], [b, [outputs, rank]]] as const
  })
  return new Map([...factors, ...(scoreHead === true ? [[SCORE_HEAD, [1, config.hiddenSize]] as const] : [])])
}

/** All linear layers of a model by full name, or those of some kinds. */
export const linearModules = (
  config: ModelConfig,
  kinds: ReadonlyArray<LinearLayer> = linearLayers
): ReadonlyArray<string> =>
  Array.from(
    { length: config.layers },
    (_, layer) => linearLayers.filter((kind) => kinds.includes(kind)).map((kind) => moduleName(layer, kind))
  ).flat()

/** The kinds of layers that an adapter changes in every block alike; undefined when blocks differ. */
export const uniformKinds = (
  config: ModelConfig,
  modules: ReadonlyArray<string>
): ReadonlyArray<string> | undefined => {
  const kinds = linearLayers.filter((kind) => modules.includes(moduleName(0, kind)))
  const same = linearModules(config, kinds)
  return same.length === modules.length && same.every((module) => modules.includes(module)) ? kinds : undefined
}
