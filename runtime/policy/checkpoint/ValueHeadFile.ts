/**
 * The value head of a policy: `value_head.safetensors` beside its weights, as LLaMA-Factory keeps it. Its tensors are named
 * as in TRL's AutoModelForCausalLMWithValueHead, whose `load_state_dict(tensors, strict=False)` takes them.
 */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { readHeader } from "../../../artifacts/Safetensors.ts"
import type { TensorData } from "../../onnx/TensorData.ts"
import { VALUE_HEAD } from "../model/Heads.ts"
import { CheckpointError } from "./CheckpointError.ts"
import { readWeights, writeWeights } from "./WeightFile.ts"

export const VALUE_HEAD_FILE = "value_head.safetensors"

/** Writes the value head among these tensors, where there is one. */
export const writeValueHead = Effect.fnUntraced(
  function*(folder: string, tensors: ReadonlyMap<string, TensorData>) {
    const head = [...tensors].filter(([name]) => name === VALUE_HEAD.weight || name === VALUE_HEAD.bias)
    if (head.length > 0) yield* writeWeights(join(folder, VALUE_HEAD_FILE), new Map(head))
  }
)

/** Whether a directory, of a checkpoint or an adapter, holds one. */
export const hasValueHead = (directory: string): boolean => existsSync(join(directory, VALUE_HEAD_FILE))

/** The value head of a directory, float32 [1, hiddenSize] and [1]; empty where it has none. */
export const readValueHead = Effect.fnUntraced(function*(directory: string, hiddenSize: number) {
  const path = join(directory, VALUE_HEAD_FILE)
  if (!hasValueHead(directory)) return new Map<string, TensorData>()
  const head = yield* readWeights(yield* readHeader(path))
  const remedy = "Use a value head that was trained with these weights."
  for (const [name, shape] of [[VALUE_HEAD.weight, [1, hiddenSize]], [VALUE_HEAD.bias, [1]]] as const) {
    const found = head.get(name)?.dims
    if (found?.join() === shape.join()) continue
    const problem = found === undefined ? "is missing" : `has shape [${found}], and the model asks for [${shape}]`
    return yield* new CheckpointError({ path, place: name, problem, remedy })
  }
  return head
})
