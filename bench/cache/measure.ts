/** Measures one variant in this process: `measure.ts <checkpoint directory> <variant>` prints a line of JSON. */
import * as Effect from "effect/Effect"
import { Sessions } from "../../runtime/onnx/Sessions.ts"
import { int64, type TensorData, tensorData } from "../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../runtime/policy/checkpoint/Checkpoint.ts"
import { fillUniforms, noiseKey } from "../../runtime/policy/generate/SamplingNoise.ts"
import { serialiseProgram } from "../../runtime/policy/SerialiseProgram.ts"
import { variantNamed } from "./variants.ts"

export interface Measured {
  /** Of the fastest of the runs after a first. */
  readonly cpuSeconds: number
  readonly peakMiB: number
  /** [steps, rows] */
  readonly tokens: ReadonlyArray<number>
  readonly rows: number
}

const [prompts, candidates, steps, promptLength] = [32, 5, 128, 30]
const repetitions = 1

const feeds = (): Readonly<Record<string, TensorData>> => {
  const token = (prompt: number, position: number) => 5 + (7 * prompt + position) % 250
  const all = Array.from({ length: prompts }, (_, prompt) => prompt)
  const before = all.flatMap((prompt) => Array.from({ length: promptLength - 1 }, (_, at) => token(prompt, at)))
  const last = all.map((prompt) => token(prompt, promptLength - 1))
  const uniforms = new Float32Array(steps * prompts * candidates)
  for (let row = 0; row < prompts * candidates; row++) {
    const noise = { first: 0, count: steps, offset: row, stride: prompts * candidates }
    fillUniforms(noiseKey(1, "cache", row), uniforms, noise)
  }
  return {
    promptTokens: tensorData("int32", [prompts, promptLength - 1], before),
    promptLengths: tensorData("int32", [prompts], all.map(() => promptLength)),
    lastTokens: tensorData("int32", [prompts], last),
    token: int64([prompts, candidates], last.flatMap((token) => Array.from({ length: candidates }, () => token))),
    ended: tensorData("bool", [prompts, candidates], new Uint8Array(prompts * candidates)),
    step: int64([], [0]),
    uniforms: { dtype: "float32", dims: [steps, prompts, candidates], data: uniforms },
    temperature: tensorData("float32", [], [1]),
    topP: tensorData("float32", [], [1])
  }
}

const measure = Effect.fnUntraced(function*(directory: string, variant: string) {
  const { config, folder, source } = yield* openCheckpoint(directory)
  const program = serialiseProgram(variantNamed(variant)(config, source), "cpu")
  const session = yield* (yield* Sessions).open(program, {
    device: "cpu",
    weights: yield* folder,
    // Threads that wait for each other spend processor time too.
    threads: 1
  })
  const sizes: Readonly<Record<string, number>> = { prompts, candidates, promptKept: 0, generated: 0 }
  const given = feeds()
  const fed = Object.fromEntries(program.inputs.map(({ dtype, name, shape }) => {
    const dims = shape.map((dim) => typeof dim === "number" ? dim : sizes[dim] ?? 0)
    return [name, given[name] ?? tensorData(dtype, dims, [])]
  }))
  let cpuSeconds = Infinity
  let tokens: ReadonlyArray<number> = []
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const before = process.cpuUsage()
    const results = yield* session.run({ feeds: fed, fetch: ["tokens", "logProbs", "entropies"] })
    const { system, user } = process.cpuUsage(before)
    if (repetition > 0) cpuSeconds = Math.min(cpuSeconds, (user + system) / 1e6)
    tokens = Array.from(results.tokens.data.subarray(0, steps * prompts * candidates), Number)
  }
  const peakMiB = process.resourceUsage().maxRSS / 1024
  return { cpuSeconds, peakMiB, tokens, rows: prompts * candidates } satisfies Measured
})

const [directory = "", variant = ""] = process.argv.slice(2)
console.log(
  JSON.stringify(
    await Effect.runPromise(Effect.scoped(measure(directory, variant)).pipe(Effect.provide(Sessions.layer)))
  )
)
