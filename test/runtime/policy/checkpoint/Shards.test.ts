import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type * as Safetensors from "../../../../artifacts/Safetensors.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { checkpointPath } from "../reference.ts"
import { copyOf, temporary, withTensors } from "./copies.ts"

const SHARD = "model-00002-of-00003.safetensors"
const INDEX = "model.safetensors.index.json"

const problemOf = (directory: string) => Effect.map(Effect.flip(openCheckpoint(directory)), (error) => error.message)

/** A copy whose index is changed. */
const withIndex = (change: (index: { weight_map: Record<string, string> }) => unknown) =>
  copyOf("qwen2-sharded").pipe(Effect.tap((directory) =>
    Effect.sync(() => {
      const index = JSON.parse(readFileSync(join(directory, INDEX), "utf8"))
      writeFileSync(join(directory, INDEX), JSON.stringify(change(index)))
    })
  ))

describe("a checkpoint in shards", () => {
  const lies = "/etc/passwd.safetensors"
  const faults: ReadonlyArray<
    readonly [string, Effect.Effect<string, Safetensors.SafetensorsError, Scope.Scope>, RegExp]
  > = [
    [
      "a shard is missing",
      copyOf("qwen2-sharded").pipe(Effect.tap((directory) => Effect.sync(() => rmSync(join(directory, SHARD))))),
      /model-00002-of-00003\.safetensors: does not exist, and model\.safetensors\.index\.json names it .* Download the missing/
    ],
    [
      "a shard is cut short",
      copyOf("qwen2-sharded").pipe(
        Effect.tap((directory) => Effect.sync(() => truncateSync(join(directory, SHARD), 20_000)))
      ),
      /model-00002-of-00003\.safetensors, tensor .*cut short/
    ],
    [
      "the index leads out of the directory",
      withIndex(({ weight_map }) => ({ weight_map: { ...weight_map, "lm_head.weight": `../..${lies}` } })),
      /index\.json, lm_head\.weight: is said to be in "\.\.\/\.\.\/etc\/passwd\.safetensors", which is no safetensors file beside/
    ],
    [
      "the index names an absolute path",
      withIndex(({ weight_map }) => ({ weight_map: { ...weight_map, "lm_head.weight": lies } })),
      /lm_head\.weight: is said to be in "\/etc/
    ],
    [
      "the index names another kind of file",
      withIndex(({ weight_map }) => ({ weight_map: { ...weight_map, "lm_head.weight": "config.json" } })),
      /lm_head\.weight: is said to be in "config\.json"/
    ],
    [
      "the index says another shard than the tensor is in",
      withIndex(({ weight_map }) => ({ weight_map: { ...weight_map, "lm_head.weight": SHARD } })),
      /model-00002-of-00003\.safetensors, lm_head\.weight: is not in this shard, where model\.safetensors\.index\.json says/
    ],
    [
      "the index lacks a tensor that no shard has",
      withIndex(({ weight_map }) => ({ weight_map: { ...weight_map, "model.layers.7.foo.weight": SHARD } })),
      /model\.layers\.7\.foo\.weight: is not in this shard/
    ],
    [
      "a tensor is in two shards",
      withTensors("qwen2-sharded", (tensors) => {
        tensors.set("lm_head.weight", { dtype: "F32", shape: [1], data: new Float32Array(1) })
      }, SHARD),
      /model-00002-of-00003\.safetensors, lm_head\.weight: is also in model-00003-of-00003/
    ],
    [
      "the index names a tensor twice",
      copyOf("qwen2-sharded").pipe(Effect.tap((directory) =>
        Effect.sync(() => {
          const index = readFileSync(join(directory, INDEX), "utf8")
          const twice = index.replace("\"lm_head.weight\":", "\"model.norm.weight\": \"x.safetensors\", $&")
          writeFileSync(join(directory, INDEX), twice)
        })
      )),
      /index\.json, model\.norm\.weight: stands twice\. Download/
    ],
    ["the index is empty", withIndex(() => ({ weight_map: {} })), /index\.json, weight_map: names no tensor/],
    ["the index is no index", withIndex(() => ({ weight_map: [1] })), /index\.json: does not decode/]
  ]
  for (const [what, made, message] of faults) {
    it.effect(`is refused when ${what}`, () =>
      Effect.gen(function*() {
        expect(yield* problemOf(yield* made)).toMatch(message)
      }))
  }

  it.effect("has the tensors of all its shards, and one file is read rather than shards where both are there", () =>
    Effect.gen(function*() {
      const sharded = yield* openCheckpoint(checkpointPath("qwen2-sharded"))
      const weights = yield* sharded.load
      expect(weights.size).toBe(27)
      expect(yield* sharded.read("lm_head.weight")).toEqual(weights.get("lm_head.weight"))
      const both = yield* copyOf("qwen2-sharded")
      copyFileSync(join(both, SHARD), join(both, "model.safetensors"))
      expect(yield* problemOf(both)).toMatch(/model\.safetensors, \S+: is missing/)
      const unknown = yield* Effect.flip(sharded.read("lm_head.bias"))
      expect(unknown.message).toContain("lm_head.bias: is no weight of the model")
      expect(yield* problemOf(yield* temporary)).toContain("config.json: does not exist")
    }))
})
