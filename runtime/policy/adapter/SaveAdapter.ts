/** Writes an adapter as a PEFT directory. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { TensorData } from "../../onnx/TensorData.ts"
import { writeWeights } from "../checkpoint/WeightFile.ts"
import { wholeDirectory } from "../checkpoint/WholeDirectory.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, PREFIX } from "./Adapter.ts"
import { type AdapterConfig, adapterTensors } from "./AdapterConfig.ts"
import { encodeAdapterConfig } from "./AdapterConfigJson.ts"

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors`, both or neither.
 *
 * @param values A and B, float32, by the names of `adapterTensors`.
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
      // What is trained beside it, as a value head, is not the adapter's.
      const own = adapterTensors(model, adapter)
      const named = new Map(
        [...values].flatMap(([name, value]) => own.has(name) ? [[`${PREFIX}${name}`, value] as const] : [])
      )
      yield* writeWeights(join(folder, ADAPTER_WEIGHTS), named)
    }))
