/** Writes a model's checkpoint, and what peers need it converted to, once for all rows. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { open, rename } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readHeader, type SafetensorsHeader } from "../../../artifacts/Safetensors.ts"
import { linearModules } from "../../../runtime/policy/adapter/AdapterConfig.ts"
import { initialAdapter } from "../../../runtime/policy/adapter/InitialAdapter.ts"
import { saveAdapter } from "../../../runtime/policy/adapter/SaveAdapter.ts"
import { createCheckpoint } from "../../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import { writeGguf } from "./Gguf.ts"
import { exportOnnx } from "./Onnx.ts"
import { type Size, sizes } from "./Sizes.ts"

export interface Models {
  /** A HuggingFace directory. */
  readonly checkpoint: (size: Size) => Promise<string>
  /** A PEFT directory: a LoRA adapter of rank 16 on all linear layers, as it is before training. */
  readonly adapter: (size: Size) => Promise<string>
  /** The same weights for llama.cpp: a GGUF file in float32. */
  readonly gguf: (size: Size) => Promise<string>
  /** The same weights for transformers.js: a folder of what optimum exports, made by the given Python. */
  readonly onnx: (size: Size, python: string) => Promise<string>
}

const tokenizer = fileURLToPath(new URL("../../../pipelines/demo/policy", import.meta.url))

/** Models below a folder; what is there already is taken as it is. */
export const modelsIn = (folder: string): Models => {
  const once = async (path: string, make: (path: string) => Promise<void>): Promise<string> => {
    if (!existsSync(path)) await make(path)
    return path
  }
  const checkpoint = (size: Size) => once(join(folder, `checkpoint-${size}`), (path) => writeCheckpoint(path, size))
  return {
    checkpoint,
    adapter: (size) =>
      once(join(folder, `adapter-${size}`), (path) => {
        const config = sizes[size]
        const form = { rank: 16, alpha: 32, rankStabilised: false, dropout: 0, modules: linearModules(config) }
        return Effect.runPromise(saveAdapter(config, form, initialAdapter(config, form, 0), path))
      }),
    gguf: async (size) => {
      const directory = await checkpoint(size)
      return once(join(folder, `${size}.gguf`), (path) => Effect.runPromise(writeGguf(path, directory, sizes[size])))
    },
    onnx: async (size, python) => {
      const directory = await checkpoint(size)
      return once(join(folder, `onnx-${size}`), (path) => exportOnnx(path, directory, python))
    }
  }
}

const writeCheckpoint = async (directory: string, size: Size): Promise<void> => {
  const config = sizes[size]
  const partial = `${directory}.partial`
  const made = createCheckpoint({ directory: partial, config, tokenizer, seed: 0 })
  const file = readHeader(join(partial, "model.safetensors"))
  await neverEnd(await Effect.runPromise(made.pipe(Effect.andThen(file))), config.hiddenSize)
  await rename(partial, directory)
}

const endOfSequence = 1
// Large beside what layers drawn at random add to it.
const lift = 2
const layerScale = 4
const sharpness = 8

/**
 * Makes the end of a sequence impossible, so that every contestant generates every token. The first entry of each embedding
 * is `lift`, of that of the end-of-sequence token the opposite, several times: the tied head lifts all logits by the same
 * amount and lowers that one. The layers' norms hide that entry, and scale the others up, so that what a layer adds
 * depends on the tokens; the last norm makes tokens differ in likelihood as a trained model's do.
 */
const neverEnd = async ({ path, tensors }: SafetensorsHeader, hiddenSize: number): Promise<void> => {
  const file = await open(path, "r+")
  const edit = async (name: string, value: (index: number) => number | undefined) => {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new Error(`${path} has no ${name}`)
    const bytes = Buffer.alloc(tensor.length)
    await file.read(bytes, 0, bytes.length, tensor.offset)
    for (let index = 0; 4 * index < bytes.length; index++) {
      bytes.writeFloatLE(value(index) ?? bytes.readFloatLE(4 * index), 4 * index)
    }
    await file.write(bytes, 0, bytes.length, tensor.offset)
  }
  await edit("model.embed_tokens.weight", (index) => {
    if (index % hiddenSize !== 0) return undefined
    return index === endOfSequence * hiddenSize ? -4 * lift : lift
  })
  for (const name of tensors.keys()) {
    if (name.endsWith("layernorm.weight")) await edit(name, (index) => index === 0 ? 0 : layerScale)
  }
  await edit("model.norm.weight", (index) => index === 0 ? 1 : sharpness)
  await file.close()
}
