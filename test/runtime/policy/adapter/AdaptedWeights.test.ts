import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { adaptedSource } from "../../../../runtime/policy/adapter/AdaptedWeights.ts"
import { type Adapter, openAdapter } from "../../../../runtime/policy/adapter/Adapter.ts"
import { mergedReader } from "../../../../runtime/policy/adapter/MergeAdapter.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { saveWeights } from "../../../../runtime/policy/checkpoint/SaveCheckpoint.ts"
import { logitsOf } from "../../../../runtime/policy/head/TokenLogProbs.ts"
import { hiddenStates } from "../../../../runtime/policy/model/CausalAttention.ts"
import type { ModelConfig } from "../../../../runtime/policy/model/ModelConfig.ts"
import type { WeightSource } from "../../../../runtime/policy/model/Weights.ts"
import { present } from "../../../../runtime/policy/Present.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import { checkpointPath, largestDifference, reference, relativeDifference } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-adapter-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Writes the base with the adapter merged into it. */
const merge = Effect.fnUntraced(function*(base: string, name: string, directory: string) {
  const checkpoint = yield* openCheckpoint(checkpointPath(base))
  const adapter = yield* openAdapter(adapterPath(name), checkpoint.config)
  yield* saveWeights(checkpoint, mergedReader(checkpoint.read, adapter), directory)
})

/** Logits at some positions of a sequence. */
const logitsAt = Effect.fnUntraced(function*(
  directory: string,
  adapt: (source: WeightSource, adapter: Adapter, config: ModelConfig) => WeightSource,
  adapterName: string,
  expected: { readonly tokens: ReadonlyArray<number>; readonly positions: ReadonlyArray<number> }
) {
  const checkpoint = yield* openCheckpoint(directory)
  const adapter = yield* openAdapter(adapterPath(adapterName), checkpoint.config)
  const program = graph("logits")
  const tokens = input(program, "tokens", "int32", [1, "length"])
  const weights = adapt(checkpoint.source, adapter, checkpoint.config)(program)
  output("logits", logitsOf(checkpoint.config, weights, hiddenStates(checkpoint.config, weights, tokens)))
  const session = yield* (yield* Sessions).open(serialiseProgram(program), {
    device: "cpu",
    weights: yield* checkpoint.folder
  })
  const { logits } = yield* session.run({
    feeds: { tokens: { dtype: "int32", dims: [1, expected.tokens.length], data: Int32Array.from(expected.tokens) } },
    fetch: ["logits"]
  })
  const [all, size] = [toNumbers(logits), checkpoint.config.vocabularySize]
  return expected.positions.map((position) => all.slice(position * size, (position + 1) * size))
})

const beside = (source: WeightSource, adapter: Adapter, config: ModelConfig) => adaptedSource(config, source, adapter)

const farthest = (found: ReadonlyArray<ReadonlyArray<number>>, expected: ReadonlyArray<ReadonlyArray<number>>) =>
  Math.max(...expected.map((row, index) => largestDifference(found[index] ?? [], row)))

layer(Sessions.layer)("a LoRA adapter", (it) => {
  describe.each(adapterNames)("%s", (name) => {
    const { checkpoint: base, logits, merged } = adapterReference(name)

    it.effect("beside the weights gives PEFT's logits, which are not the base's", () =>
      Effect.gen(function*() {
        const found = yield* logitsAt(checkpointPath(base), beside, name, logits)
        expect(farthest(found, logits.values)).toBeLessThan(1e-4)
        expect(farthest(found, reference(base).logits.values)).toBeGreaterThan(0.1)
      }))

    it.effect("merged into the weights gives PEFT's merged weights and logits, and the same as beside them", () =>
      Effect.gen(function*() {
        const directory = join(yield* temporary, "merged")
        yield* merge(base, name, directory)
        const weights = yield* (yield* openCheckpoint(directory)).load
        for (const [tensor, summary] of Object.entries(merged.tensors)) {
          expect(relativeDifference(toNumbers(present(weights.get(tensor), tensor)), summary)).toBeLessThan(1e-5)
        }
        const found = yield* logitsAt(directory, (source) => source, name, merged.logits)
        expect(farthest(found, merged.logits.values)).toBeLessThan(1e-4)
        expect(farthest(found, yield* logitsAt(checkpointPath(base), beside, name, logits))).toBeLessThan(1e-4)
      }))
  })
})
