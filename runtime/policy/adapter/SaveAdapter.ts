/** Writes an adapter as a PEFT directory. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { TensorData } from "../../onnx/TensorData.ts"
import { writeValueHead } from "../checkpoint/ValueHeadFile.ts"
import { writeWeights } from "../checkpoint/WeightFile.ts"
import { wholeDirectory } from "../checkpoint/WholeDirectory.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, PREFIX } from "./Adapter.ts"
import { type AdapterConfig, adapterTensors } from "./AdapterConfig.ts"
import { encodeAdapterConfig } from "./AdapterConfigJson.ts"

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors`, and a value head that was trained beside the adapter: all or
 * nothing.
 *
 * @param values A and B, float32, by the names of `adapterTensors`; the value head's tensors, where there are.
 */
export const saveAdapter = (
  model: ModelConfig,
  adapter: AdapterConfig,
  values: ReadonlyMap<string, TensorData>,
  directory: string
) =>
  wholeDirectory(directory, (folder, attempt) =>
    Effect.gen(function*() {
      const json = `${JSON.stringify(encodeAdapterConfig(model, adapter), null, 2)}\n`
      yield* attempt(() => writeFile(join(folder, ADAPTER_CONFIG), json))
      const own = adapterTensors(model, adapter)
      const named = new Map(
        [...values].flatMap(([name, value]) => own.has(name) ? [[`${PREFIX}${name}`, value] as const] : [])
      )
      yield* writeWeights(join(folder, ADAPTER_WEIGHTS), named)
      yield* writeValueHead(folder, values)
    }))
