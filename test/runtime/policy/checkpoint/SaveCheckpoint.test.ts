import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Safetensors from "../../../../artifacts/Safetensors.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { withDtype } from "../../../../runtime/policy/checkpoint/ConfigText.ts"
import { saveCheckpoint, saveWeights, writeCheckpoint } from "../../../../runtime/policy/checkpoint/SaveCheckpoint.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { python, readBack, unlessPython } from "../readBack.ts"
import { checkpointPath, families, largestDifference, reference, sequences } from "../reference.ts"
import { copyOf, temporary } from "./copies.ts"

describe("config.json of a saved checkpoint", () => {
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    [
      "torch_dtype",
      `{\n  "rope_theta": 10000.0,\n  "rms_norm_eps": 1e-05,\n  "torch_dtype": "bfloat16",\n  "a": "torch_dtype"\n}`,
      `{\n  "rope_theta": 10000.0,\n  "rms_norm_eps": 1e-05,\n  "torch_dtype": "float32",\n  "a": "torch_dtype"\n}`
    ],
    [
      "dtype",
      `{"dtype" : null , "b":[{"dtype":"x"}],"c":{"dtype":"float16"}}`,
      `{"dtype" : "float32" , "b":[{"dtype":"x"}],"c":{"dtype":"float16"}}`
    ],
    [
      "both",
      `{"dtype":"float16","torch_dtype":"float16","d":"\\"dtype\\": "}`,
      `{"dtype":"float32","torch_dtype":"float32","d":"\\"dtype\\": "}`
    ],
    ["neither", `{"hidden_size": 1}\n`, `{"hidden_size": 1}\n`]
  ]
  for (const [what, before, after] of cases) {
    it(`keeps every byte but the type of the weights: ${what}`, () => {
      expect(withDtype(before, "float32")).toBe(after)
      expect(() => JSON.parse(after)).not.toThrow()
    })
  }
})

describe("saved weights", () => {
  it.effect("are cut into shards above a size, with an index as HuggingFace writes it", () =>
    Effect.gen(function*() {
      const checkpoint = yield* openCheckpoint(checkpointPath("qwen3"))
      const directory = join(yield* temporary, "shards")
      yield* writeCheckpoint({
        directory,
        config: checkpoint.config,
        read: checkpoint.read,
        companions: checkpoint.directory,
        configText: checkpoint.configText,
        shardBytes: 30_000
      })
      const shards = readdirSync(directory).filter((name) => name.endsWith(".safetensors"))
      expect(shards).toEqual([1, 2, 3, 4, 5].map((number) => `model-0000${number}-of-00005.safetensors`))
      const index = JSON.parse(readFileSync(join(directory, "model.safetensors.index.json"), "utf8"))
      const headers = yield* Effect.forEach(shards, (name) => Safetensors.readHeader(join(directory, name)))
      const places = headers.flatMap(({ tensors }, shard) => [...tensors.keys()].map((name) => [name, shards[shard]]))
      expect(Object.entries(index.weight_map).toSorted()).toEqual(places.toSorted())
      const bytes = headers.map(({ tensors }) => [...tensors.values()].reduce((sum, { length }) => sum + length, 0))
      expect(index.metadata).toEqual({ total_size: bytes.reduce((a, b) => a + b, 0) })
      headers.forEach(({ tensors }, shard) => {
        // Only a tensor that is larger by itself may be beyond the limit.
        expect((bytes[shard] ?? 0) <= 30_000 || tensors.size === 1).toBe(true)
      })
      expect(yield* (yield* openCheckpoint(directory)).load).toEqual(yield* checkpoint.load)
    }))

  it.effect("that fail to come leave nothing behind", () =>
    Effect.gen(function*() {
      const parent = yield* temporary
      const checkpoint = yield* openCheckpoint(checkpointPath("llama3"))
      const weights = new Map(yield* checkpoint.load)
      weights.delete("model.norm.weight")
      const missing = yield* Effect.flip(saveCheckpoint(checkpoint, weights, join(parent, "missing")))
      expect(missing.message).toContain("model.norm.weight: was not given")
      weights.set("model.norm.weight", { dtype: "float32", dims: [3], data: new Float32Array(3) })
      const short = yield* Effect.flip(saveCheckpoint(checkpoint, weights, join(parent, "short")))
      expect(short.message).toContain("tensor model.norm.weight: its shape [32] of F32 needs 128 bytes, not 12")
      const broken = saveWeights(checkpoint, () => Effect.fail("lost"), join(parent, "broken"))
      expect(yield* Effect.result(broken)).toEqual(Result.fail("lost"))
      writeFileSync(join(parent, "file"), "")
      const taken = yield* Effect.flip(saveWeights(checkpoint, checkpoint.read, join(parent, "file")))
      expect(taken.message).toMatch(/file: cannot be written \(.*\)\. Give a path that does not exist yet/)
      expect(readdirSync(parent)).toEqual(["file"])
    }))
})

layer(Sessions.layer, { timeout: 120_000 })("shards", (it) => {
  describe.skipIf(python === undefined)(`load in transformers${unlessPython}`, () => {
    it.effect("with our log-probs", () =>
      Effect.gen(function*() {
        const checkpoint = yield* openCheckpoint(checkpointPath("qwen3"))
        const directory = join(yield* temporary, "shards")
        const { config, configText, read } = checkpoint
        const about = { directory, config, configText: withDtype(configText, "float32"), read, shardBytes: 30_000 }
        yield* writeCheckpoint({ ...about, companions: checkpoint.directory })
        const request = { sequences: sequences(reference("qwen3")) }
        const scores = yield* (yield* openPolicy(directory, "cpu")).score(request)
        const [theirs] = yield* readBack([{
          directory,
          ...request,
          messages: reference("qwen3").chat[1]?.messages ?? []
        }])
        expect([theirs?.model, theirs?.faults]).toEqual(["Qwen3ForCausalLM", []])
        scores.forEach(({ logProbs }, index) => {
          expect(largestDifference(logProbs, theirs?.logProbs[index] ?? [])).toBeLessThan(1e-4)
        })
      }), 120_000)
  })
})

layer(Sessions.layer)("a checkpoint of every family", (it) => {
  for (const name of families) {
    it.effect(`comes back from saving with the same numbers and files: ${name}`, () =>
      Effect.gen(function*() {
        const source = yield* copyOf(name)
        writeFileSync(join(source, "tokenizer.model"), "sentencepiece")
        const checkpoint = yield* openCheckpoint(source)
        const directory = join(yield* temporary, "saved")
        yield* saveCheckpoint(checkpoint, yield* checkpoint.load, directory)
        expect(existsSync(join(directory, "model.safetensors"))).toBe(true)
        for (const file of readdirSync(directory)) {
          if (file === "model.safetensors") continue
          const before = readFileSync(join(source, file), "utf8")
          const expected = file === "config.json" ? before.replace(/"(bfloat16|float16)"/, "\"float32\"") : before
          expect([file, readFileSync(join(directory, file), "utf8")]).toEqual([file, expected])
        }
        const request = { sequences: sequences(reference(name)).slice(0, 2) }
        const [before, after] = yield* Effect.forEach([source, directory], (path) =>
          Effect.flatMap(openPolicy(path, "cpu"), (policy) => policy.score(request)))
        expect(after).toEqual(before)
      }))
  }
})
