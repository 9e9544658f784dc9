/**
 * adapters/<name>/expected.json of make_fixtures.py, typed: what a base checkpoint with a LoRA adapter computes.
 *
 * The directory itself is the adapter as PEFT saves it (adapter_config.json, adapter_model.safetensors) with random A and B.
 * Tensors of `gradient` and `training` are the adapter's, named as in adapter_model.safetensors; those of `merged` are the
 * base's target weights after PEFT's merge_and_unload, by HuggingFace name. Ten AdamW steps train the adapter alone, from what
 * is saved. `llama3-attention` scales by alpha / sqrt(rank) (use_rslora), the others by alpha / rank.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Pairwise } from "./lossReference.ts"
import type { Reference, Summaries } from "./reference.ts"

export interface AdapterReference extends Pick<Reference, "logits" | "scored" | "greedy" | "gradient" | "training"> {
  /** The base's name: see `checkpointPath`. */
  readonly checkpoint: string
  /** Numbers in the adapter. */
  readonly parameters: number
  /**
   * DPO of the adapter against its own base: of the responses of losses/<checkpoint> (lossReference.ts), whose `logProbs`,
   * the base's, are the reference's. Its ten steps are at the peak learning rate of that file's `optimiser`.
   */
  readonly dpo: Pairwise
  readonly merged: { readonly logits: Reference["logits"]; readonly tensors: Summaries }
}

export const adapterNames = ["llama3-all", "llama3-attention", "qwen2-all"] as const

export const adapterPath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/policy/adapters/${name}`, import.meta.url))

export const adapterReference = (name: string): AdapterReference =>
  JSON.parse(readFileSync(`${adapterPath(name)}/expected.json`, "utf8"))
