/** Keys and values as inputs, outputs and loop states of the generation program, by name. */
import type { Dim, Shape } from "../../onnx/Dimension.ts"
import type { DType } from "../../onnx/DType.ts"
import { type Graph, input, type Tensor } from "../../onnx/Graph.ts"
import { ifElse } from "../../onnx/ops/Control.ts"
import { zeros } from "../../onnx/ops/Fill.ts"
import { cast, less } from "../../onnx/ops/Logic.ts"
import { assume, extent } from "../../onnx/ops/Shape.ts"
import type { LayerCache } from "../model/CachedAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { present } from "../Present.ts"

type State = Readonly<Record<string, Tensor>>

/** The type of caches where they enter and leave a program: onnxruntime-node takes no bfloat16. */
export const EDGE = "float32"

const layersOf = (config: ModelConfig): ReadonlyArray<number> =>
  Array.from({ length: config.layers }, (_, layer) => layer)

/** The caches of all layers by name, and back. */
const naming = (config: ModelConfig, keys: string, values: string) => ({
  names: layersOf(config).flatMap((layer) => [`${keys}.${layer}`, `${values}.${layer}`]),
  read: (state: State): ReadonlyArray<LayerCache> =>
    layersOf(config).map((layer) => ({
      key: present(state[`${keys}.${layer}`], keys),
      value: present(state[`${values}.${layer}`], values)
    })),
  write: (caches: ReadonlyArray<LayerCache>): State =>
    Object.fromEntries(
      caches.flatMap(({ key, value }, layer) => [[`${keys}.${layer}`, key], [`${values}.${layer}`, value]])
    )
})

/** The caches of the prompts: `promptKeys.<layer>`, `promptValues.<layer>`. */
export const promptCaches = (config: ModelConfig, program: Graph, dtype: DType) => {
  const { headSize, keyValueHeads } = config
  const { write } = naming(config, "promptKeys", "promptValues")
  const shapes = (length: Dim): { readonly key: Shape; readonly value: Shape } => ({
    key: ["prompts", keyValueHeads, headSize, length],
    value: ["prompts", keyValueHeads, length, headSize]
  })
  const kept = shapes("promptKept")
  const given = layersOf(config).map((layer): LayerCache => ({
    key: input(program, `promptKeys.${layer}`, EDGE, kept.key),
    value: input(program, `promptValues.${layer}`, EDGE, kept.value)
  }))
  return {
    record: write,
    /** Those given, or where they are empty those that `make` computes. */
    filled: (make: () => ReadonlyArray<LayerCache>): ReadonlyArray<LayerCache> => {
      const flat = (caches: ReadonlyArray<LayerCache>) => caches.flatMap(({ key, value }) => [key, value])
      const chosen = ifElse(
        less(extent(program, "promptKept"), 1),
        () => flat(make()),
        () => flat(given).map((cache) => cast(cache, dtype))
      )
      const filled = shapes("promptFilled")
      return layersOf(config).map((layer): LayerCache => ({
        key: assume(present(chosen[2 * layer], "keys"), filled.key),
        value: assume(present(chosen[2 * layer + 1], "values"), filled.value)
      }))
    }
  }
}

/** The caches of the candidates: `keys.<layer>`, `values.<layer>`. */
export const candidateCaches = (config: ModelConfig, dtype: DType) => {
  const { names, read, write } = naming(config, "keys", "values")
  const shape = (length: Dim): Shape => ["prompts", config.keyValueHeads, "candidates", length, config.headSize]
  return {
    given: (program: Graph): State =>
      Object.fromEntries(names.map((name) => [name, cast(input(program, name, EDGE, shape("generated")), dtype)])),
    empty: (program: Graph): State => {
      const none = zeros(program, dtype, shape(0))
      return Object.fromEntries(names.map((name) => [name, none]))
    },
    shapes: (length: string) => Object.fromEntries(names.map((name) => [name, shape(length)])),
    read,
    write
  }
}
