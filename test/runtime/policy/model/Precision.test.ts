/**
 * Programs that compute in 16 bits, on the CPU, against those that compute in float32. On x64 onnxruntime has float16
 * kernels for norms, rotary positions, gathering and layout; products and arithmetic it computes in float32 between casts,
 * so what is tested is every rounding, not float16 accumulation.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { gradients } from "../../../../runtime/onnx/Gradient.ts"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { mul } from "../../../../runtime/onnx/ops/Arithmetic.ts"
import { cast } from "../../../../runtime/onnx/ops/Logic.ts"
import { reduceSum } from "../../../../runtime/onnx/ops/Reduce.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { float32 } from "../../../../runtime/onnx/TensorData.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { rmsNorm } from "../../../../runtime/policy/model/RmsNorm.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { checkpointPath, largestDifference, reference, sequences } from "../reference.ts"

/** A head of its own and scaled positions; biases; norms of queries and keys; a window. */
const shown = ["llama3", "qwen2", "qwen3", "mistral"]

/**
 * Of log-probs between 0 and -15, and of entropies, in nats: float16 has 11 bits, so logits near 10 are known to 0.005.
 * The largest difference found was 0.015.
 */
const tolerance = 0.03

layer(Sessions.layer)("float16 on the CPU", (it) => {
  describe.each(shown)("%s", (name) => {
    it.effect("log-probs and entropies are those of float32 within a tolerance, and not the same", () =>
      Effect.gen(function*() {
        const expected = reference(name)
        const half = yield* openPolicy(checkpointPath(name), "cpu", { precision: "float16" })
        expect(half.precision).toBe("float16")
        const scores = yield* half.score({ sequences: sequences(expected) })
        const differences = scores.flatMap(({ entropies, logProbs }, index) => [
          largestDifference(logProbs, expected.scored[index]?.logProbs ?? []),
          largestDifference(entropies, expected.scored[index]?.entropies ?? [])
        ])
        expect(differences.length).toBe(2 * expected.scored.length)
        expect(Math.max(...differences)).toBeLessThan(tolerance)
        expect(Math.max(...differences)).toBeGreaterThan(1e-5)
      }))
  })

  it.effect("a type that the device does not compute in is refused", () =>
    Effect.gen(function*() {
      for (const device of ["cpu", "webgpu"]) {
        const error = yield* Effect.flip(openPolicy(checkpointPath("llama3"), device, { precision: "bfloat16" }))
        expect(error.message).toContain(`llama3: cannot be computed in bfloat16 on ${device}. Only CUDA devices have`)
      }
    }))

  it.effect("sampled tokens have the log-probs and entropies that scoring gives them", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("qwen3"), "cpu", { precision: "float16" })
      const prompts = reference("qwen3").scored.map(({ prompt }, index) => ({
        id: `${index}`,
        tokens: Int32Array.from(prompt)
      }))
      const request = { prompts, candidates: 2, temperature: 1, topP: 1, maxNewTokens: 20, seed: 5 }
      const generations = yield* policy.generate(request)
      const scores = yield* policy.score({
        sequences: generations.map(({ promptId, tokens }) => ({
          prompt: prompts[Number(promptId)]?.tokens ?? new Int32Array(0),
          response: tokens
        }))
      })
      expect(scores.length).toBe(2 * prompts.length)
      scores.forEach(({ entropies, logProbs }, index) => {
        expect(largestDifference(logProbs, generations[index]?.logProbs ?? [])).toBeLessThan(tolerance)
        expect(largestDifference(entropies, generations[index]?.entropies ?? [])).toBeLessThan(tolerance)
      })
    }))

  it.effect("full training keeps float32 weights: small steps add up that float16 weights would lose", () =>
    Effect.gen(function*() {
      const expected = reference("llama3")
      const steps = Array.from({ length: 6 }, () => sequences(expected).map(weightedItem))
      // A weight near 0.25 moves by 1e-5 a step; float16 has steps of 2.4e-4 there.
      const request = {
        ...expected.training,
        objective: weightedNll,
        schedule: "constant" as const,
        warmupSteps: 0,
        learningRate: 1e-5,
        steps
      }
      const [half, whole] = yield* Effect.forEach(
        ["float16", "float32"] as const,
        (precision) =>
          Effect.flatMap(openPolicy(checkpointPath("llama3"), "cpu", { precision }), (policy) => policy.train(request))
      )
      expect(half?.steps.length).toBe(6)
      half?.steps.forEach(({ gradNorm, loss }, index) => {
        const other = whole?.steps[index]
        expect(Math.abs(loss / (other?.loss ?? 0) - 1)).toBeLessThan(0.02)
        expect(Math.abs(gradNorm / (other?.gradNorm ?? 0) - 1)).toBeLessThan(0.01)
      })
      const fall = (losses: ReadonlyArray<{ readonly loss: number }> = []) =>
        (losses[0]?.loss ?? 0) - (losses.at(-1)?.loss ?? 0)
      expect(fall(whole?.steps)).toBeGreaterThan(0.5)
      // The programs see a weight move only when its float16 does: each step late, not lost.
      expect(fall(half?.steps) / fall(whole?.steps)).toBeGreaterThan(0.3)
    }))

  it.effect("norms and their gradients are computed in float32 and rounded once", () =>
    Effect.gen(function*() {
      const size = 64
      const values = Float32Array.from({ length: 3 * size }, (_, i) => Math.fround(200 * Math.sin(i * i)))
      const scale = Float32Array.from({ length: size }, (_, i) => 1 + Math.cos(i) / 4)
      const made = (type: "float16" | "float32") => {
        const program = graph(type)
        const x = input(program, "x", "float32", [3, size])
        const weight = input(program, "weight", "float32", [size])
        const normed = rmsNorm(cast(x, type), cast(weight, type), 1e-6)
        const loss = reduceSum(mul(cast(normed, "float32"), cast(x, "float32")))
        const [dx, dweight] = gradients(loss, [x, weight])
        output("normed", cast(normed, "float32"))
        output("dx", dx)
        output("dweight", dweight)
        return serialiseProgram(program)
      }
      const sessions = yield* Sessions
      const [half, whole] = yield* Effect.forEach(["float16", "float32"] as const, (type) =>
        Effect.flatMap(sessions.open(made(type), { device: "cpu" }), (session) =>
          session.run({
            feeds: { x: float32([3, size], values), weight: float32([size], scale) },
            fetch: ["normed", "dx", "dweight"]
          })))
      for (const name of ["normed", "dx", "dweight"] as const) {
        const [a, b] = [half?.[name].data ?? [], whole?.[name].data ?? []].map((data) =>
          Array.from(data, Number)
        )
        const largest = (b ?? []).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        expect(largest).toBeGreaterThan(1)
        // The sum of squares, 64 * 200^2, is far beyond float16: in it every norm would be 0.
        expect(largestDifference(a ?? [], b ?? []) / largest).toBeLessThan(2e-3)
      }
    }))
})
