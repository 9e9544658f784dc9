import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../../artifacts/ArtifactStore.ts"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32, toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openAdapter } from "../../../../runtime/policy/adapter/Adapter.ts"
import { type AdapterConfig, linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { type Checkpoint, openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { saveWeights, writeCheckpoint } from "../../../../runtime/policy/checkpoint/SaveCheckpoint.ts"
import { logitsOf } from "../../../../runtime/policy/head/TokenLogProbs.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { hiddenStates } from "../../../../runtime/policy/model/CausalAttention.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { quantisedCheckpoint } from "../../../../runtime/policy/quantised/QuantisedCheckpoint.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { checkpointPath, largestDifference, reference, sequences } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-quantised-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The logits that a checkpoint's source gives over a sequence. */
const logitsWith = Effect.fnUntraced(function*({ config, folder, source }: Checkpoint, tokens: ReadonlyArray<number>) {
  const program = graph("logits")
  const sequence = input(program, "tokens", "int32", [1, "length"])
  const weights = source(program)
  output("logits", logitsOf(config, weights, hiddenStates(config, weights, sequence)))
  const session = yield* (yield* Sessions).open(serialiseProgram(program), { device: "cpu", weights: yield* folder })
  const data = Int32Array.from(tokens)
  const feeds = { tokens: { dtype: "int32", dims: [1, data.length], data } } as const
  return toNumbers((yield* session.run({ feeds, fetch: ["logits"] })).logits)
})

/** Writes the dequantised values as a checkpoint of plain matrices. */
const dequantised = Effect.fnUntraced(function*(name: string, baseWeights: "int4" | "int8") {
  const directory = join(yield* temporary, "dequantised")
  const quantised = yield* quantisedCheckpoint(yield* openCheckpoint(checkpointPath(name)), baseWeights)
  yield* saveWeights(quantised, quantised.read, directory)
  return directory
})

const items = (name: string) => sequences(reference(name)).map(weightedItem)

const training = {
  objective: weightedNll,
  learningRate: 0.01,
  schedule: "constant",
  warmupSteps: 0,
  weightDecay: 0,
  clip: 1,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  seed: 5
} as const

const form = (modules: ReadonlyArray<string>): AdapterConfig => ({
  rank: 4,
  alpha: 8,
  rankStabilised: false,
  dropout: 0,
  modules
})

layer(Sessions.layer)("a quantised base", (it) => {
  // Blocks that end within a row (48 of 64), biases, and shards stored in 16 bits.
  describe.each([["llama3", "int4"], ["llama3", "int8"], ["qwen2-sharded", "int4"], ["qwen3", "int8"]] as const)(
    "%s in %s",
    (name, baseWeights) => {
      it.effect("computes what its dequantised weights compute in the plain path", () =>
        Effect.gen(function*() {
          const { tokens } = reference(name).logits
          const stored = yield* openCheckpoint(checkpointPath(name))
          const quantised = yield* quantisedCheckpoint(stored, baseWeights)
          const plain = yield* openCheckpoint(yield* dequantised(name, baseWeights))
          const logits = yield* logitsWith(quantised, tokens)
          expect(largestDifference(logits, yield* logitsWith(plain, tokens))).toBeLessThan(1e-4)
          const off = largestDifference(logits, yield* logitsWith(stored, tokens))
          expect(off).toBeGreaterThan(1e-4)
        }))

      it.effect("rounds each weight by a step of its block at most, and nothing but the linear layers", () =>
        Effect.gen(function*() {
          const stored = yield* openCheckpoint(checkpointPath(name))
          const quantised = yield* quantisedCheckpoint(stored, baseWeights)
          for (const [tensor, { data, dims }] of yield* stored.load) {
            const rounded = (yield* quantised.read(tensor)).data
            if (!tensor.endsWith("_proj.weight")) {
              expect([tensor, rounded]).toEqual([tensor, data])
              continue
            }
            const columns = dims[1] ?? 0
            for (let start = 0; start < data.length; start += columns) {
              for (let block = start; block < start + columns; block += 32) {
                const end = Math.min(block + 32, start + columns)
                const own = Array.from(data.subarray(block, end), Number)
                const range = Math.max(0, ...own) - Math.min(0, ...own)
                // int8 is symmetric: its step is of twice the larger side.
                const step = baseWeights === "int4" ? range / 15 : Math.max(...own.map(Math.abs)) / 128
                expect(largestDifference(Array.from(rounded.subarray(block, end), Number), own)).toBeLessThan(
                  step * 1.001
                )
              }
            }
          }
        }))
    }
  )

  it.effect("computes in float16 with scales of that type", () =>
    Effect.gen(function*() {
      const stored = yield* openCheckpoint(checkpointPath("llama3"), { precision: "float16" })
      const quantised = yield* quantisedCheckpoint(stored, "int4")
      const directory = join(yield* temporary, "dequantised")
      yield* saveWeights(quantised, quantised.read, directory)
      const { tokens } = reference("llama3").logits
      const logits = yield* logitsWith(quantised, tokens)
      const plain = yield* logitsWith(yield* openCheckpoint(directory), tokens)
      const largest = Math.max(...plain.map(Math.abs))
      // float16 has 11 bits.
      expect(largestDifference(logits, plain)).toBeLessThan(largest * 2 ** -8)
    }))

  it.effect("trains an adapter with the gradients and losses of the dequantised weights, and lowers the loss", () =>
    Effect.gen(function*() {
      const plain = yield* openPolicy(yield* dequantised("llama3", "int4"), "cpu")
      const quantised = yield* openPolicy(checkpointPath("llama3"), "cpu", { baseWeights: "int4" })
      const adapter = form(linearModules(plain.config))
      const all = items("llama3")
      const request: TrainRequest = { ...training, adapter, steps: Array.from({ length: 10 }, () => all) }
      const [expected, found] = [yield* plain.train(request), yield* quantised.train(request)]
      found.steps.forEach(({ gradNorm, loss }, index) => {
        const step = expected.steps[index]
        expect(Math.abs(loss / (step?.loss ?? 0) - 1)).toBeLessThan(1e-4)
        expect(Math.abs(gradNorm / (step?.gradNorm ?? 0) - 1)).toBeLessThan(1e-4)
      })
      expect(found.steps.at(-1)?.loss).toBeLessThan(0.8 * (found.steps[0]?.loss ?? 0))

      // One step with betas 0 and a large epsilon moves each value by about its gradient.
      const once = { ...request, steps: [all], learningRate: 1e6, betas: [0, 0], epsilon: 1e6, clip: 1e9 } as const
      const moved = Effect.fnUntraced(function*(policy: typeof plain) {
        const directory = join(yield* temporary, "adapter")
        yield* (yield* policy.train(once)).save(directory)
        return (yield* openAdapter(directory, policy.config)).values
      })
      const [own, other] = [yield* moved(quantised), yield* moved(plain)]
      for (const [name, { data }] of other) {
        const values = Array.from(data, Number)
        const scale = Math.max(...values.map(Math.abs))
        expect([name, largestDifference(Array.from(own.get(name)?.data ?? [], Number), values) <= 1e-4 * scale])
          .toEqual([name, true])
      }
    }))

  it.effect("samples and scores what training sees", () =>
    Effect.gen(function*() {
      const directory = yield* dequantised("llama3", "int4")
      const all = sequences(reference("llama3"))
      const adapted = Effect.fnUntraced(function*(base: string, options: { readonly baseWeights?: "int4" }) {
        const fresh = yield* openPolicy(base, "cpu", options)
        const trained = yield* fresh.train({
          ...training,
          adapter: form(linearModules(fresh.config)),
          steps: [items("llama3")]
        })
        const adapter = join(yield* temporary, "adapter")
        yield* trained.save(adapter)
        return yield* openPolicy(base, "cpu", { ...options, adapter })
      })
      const policies = [
        yield* adapted(checkpointPath("llama3"), { baseWeights: "int4" }),
        yield* adapted(directory, {})
      ] as const
      const [own, other] = [
        yield* policies[0].score({ sequences: all }),
        yield* policies[1].score({ sequences: all })
      ]
      own.forEach(({ logProbs }, index) => {
        expect(largestDifference(logProbs, other[index]?.logProbs ?? [])).toBeLessThan(1e-4)
      })
      const request = {
        prompts: all.map(({ prompt }, index) => ({ id: `${index}`, tokens: prompt })),
        candidates: 2,
        temperature: 1,
        topP: 1,
        maxNewTokens: 8,
        seed: 0
      }
      const [ownSamples, otherSamples] = [yield* policies[0].generate(request), yield* policies[1].generate(request)]
      expect(ownSamples.map(({ tokens }) => tokens)).toEqual(otherSamples.map(({ tokens }) => tokens))
    }))

  it.effect("is not trained itself, and refuses weights that have no place among its numbers", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("llama3"), "cpu", { baseWeights: "int8" })
      const error = yield* Effect.flip(policy.train({ ...training, steps: [items("llama3")] }))
      expect(error.message).toContain("adapter is not given, and the policy's linear layers are quantised to int8")

      const checkpoint = yield* openCheckpoint(checkpointPath("llama3"))
      const name = "model.layers.1.mlp.up_proj.weight"
      const directory = join(yield* temporary, "infinite")
      yield* writeCheckpoint({
        directory,
        config: checkpoint.config,
        companions: checkpoint.directory,
        configText: checkpoint.configText,
        read: (tensor) =>
          Effect.map(
            checkpoint.read(tensor),
            (weight) => tensor === name ? float32(weight.dims, toNumbers(weight).with(40, Infinity)) : weight
          )
      })
      const infinite = yield* openPolicy(directory, "cpu", { baseWeights: "int4" })
      const refused = yield* Effect.flip(infinite.score({ sequences: sequences(reference("llama3")) }))
      expect(refused.message).toContain(`${name}: holds Infinity, which has no place among 16 numbers`)
      const { read } = yield* quantisedCheckpoint(yield* openCheckpoint(directory), "int4")
      expect((yield* Effect.flip(read(name))).message).toBe(refused.message)
    }))

  it.effect("is made once and kept in the store, smaller than what it was made of", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const folderOf = Effect.gen(function*() {
        const { folder } = yield* quantisedCheckpoint(yield* openCheckpoint(checkpointPath("llama2")), "int4")
        return yield* folder
      }).pipe(Effect.provide(ArtifactStore.layer(root)))
      const folder = yield* folderOf
      expect(folder.startsWith(root)).toBe(true)
      const { mtimeMs, size } = statSync(join(folder, "model.safetensors"))
      expect(size).toBeLessThan(0.65 * statSync(join(checkpointPath("llama2"), "model.safetensors")).size)
      expect(yield* folderOf).toBe(folder)
      expect(statSync(join(folder, "model.safetensors")).mtimeMs).toBe(mtimeMs)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }))
})
