/**
 * The policy's programs on CUDA, checked without a GPU: every node has a kernel there, and in the bodies that run once per
 * token or step nothing is copied between GPU and host.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { DType } from "../../../runtime/onnx/DType.ts"
import type { Graph, Node } from "../../../runtime/onnx/Graph.ts"
import { usedNodes } from "../../../runtime/onnx/Model.ts"
import { linearModules } from "../../../runtime/policy/adapter/AdapterConfig.ts"
import { trainableAdapter } from "../../../runtime/policy/adapter/AdapterTrainable.ts"
import { generateProgram } from "../../../runtime/policy/generate/GenerateProgram.ts"
import type { Sampling } from "../../../runtime/policy/generate/SampleToken.ts"
import { dpo } from "../../../runtime/policy/loss/Dpo.ts"
import { ppo } from "../../../runtime/policy/loss/Ppo.ts"
import { pro } from "../../../runtime/policy/loss/Pro.ts"
import { bradleyTerry } from "../../../runtime/policy/loss/Reward.ts"
import { weightedNll } from "../../../runtime/policy/loss/WeightedNll.ts"
import { linearLayers, type ModelConfig } from "../../../runtime/policy/model/ModelConfig.ts"
import { modelTensors } from "../../../runtime/policy/model/ModelTensors.ts"
import { inputWeights, weightsFrom } from "../../../runtime/policy/model/Weights.ts"
import { quantisationOf } from "../../../runtime/policy/quantised/QuantisedCheckpoint.ts"
import { quantisedWeights } from "../../../runtime/policy/quantised/QuantisedWeights.ts"
import { scoreProgram } from "../../../runtime/policy/score/ScoreProgram.ts"
import { serialiseProgram } from "../../../runtime/policy/SerialiseProgram.ts"
import {
  applyProgram,
  evaluationProgram,
  gradientsProgram,
  stepsProgram,
  type Training
} from "../../../runtime/policy/train/TrainPrograms.ts"
import { fullName, hasKernel, isProbed } from "../onnx/devices/cuda/CudaKernels.ts"
import { type GraphPlacement, placeOnCuda } from "../onnx/devices/cuda/Placement.ts"

const llama: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 512,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 128,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  tiedEmbeddings: false,
  initializerRange: 0.02
}

const models: Readonly<Record<string, ModelConfig>> = {
  "llama": llama,
  // As many tokens as Llama 3 has: the head goes through them in pieces.
  "llama, large vocabulary": { ...llama, vocabularySize: 128_256, tiedEmbeddings: true },
  "biases, query and key norm, window": {
    ...llama,
    biases: linearLayers.slice(0, 3),
    queryKeyNorm: true,
    window: { size: 16, layers: [1] }
  }
}

const samplings: ReadonlyArray<Sampling> = [
  { kind: "greedy" },
  { kind: "all", tempered: true },
  { kind: "nucleus", tempered: true, whole: true },
  { kind: "likeliest", topK: 50, tempered: false }
]

const trainingOf = (config: ModelConfig, recompute: boolean, dtype: DType = "float32"): Training => ({
  config,
  objective: weightedNll,
  recompute,
  predictions: 2048,
  trainable: {
    tensors: modelTensors(config),
    initial: Effect.succeed(new Map()),
    weights: (_, state) => weightsFrom(config, state, dtype),
    format: "checkpoint",
    save: () => Effect.void
  }
})

/** Linear layers in 4 bits, whose bytes lie in a file that is not there: programs are only placed. */
const int4 = (config: ModelConfig) =>
  quantisedWeights(config, quantisationOf("int4", "bfloat16"), (name) => {
    const values = (modelTensors(config).get(name) ?? []).reduce((count, dim) => count * dim, 1)
    return { location: "weights", offset: 0, length: 2 * values }
  })

const adapterOf = (config: ModelConfig): Training => ({
  ...trainingOf(config, true),
  trainable: trainableAdapter({
    model: config,
    base: int4(config),
    adapter: { rank: 4, alpha: 8, rankStabilised: false, dropout: 0.1, modules: linearModules(config) },
    directory: "",
    initial: () => new Map()
  })
})

/** Programs whose weights are given when they run, so that onnxruntime can open them as they are. */
const selfContained = (config: ModelConfig): ReadonlyArray<readonly [string, () => Graph]> => [
  ...samplings.map((sampling) =>
    [`generate ${sampling.kind}`, () => generateProgram(config, inputWeights(config), [2, 3], sampling)] as const
  ),
  ["score", () => scoreProgram(config, inputWeights(config))],
  ...(["float16", "bfloat16"] as const).flatMap((dtype) => [
    [`generate in ${dtype}`, () => generateProgram(config, inputWeights(config, dtype), [2], samplings[1]!)] as const,
    [`score in ${dtype}`, () => scoreProgram(config, inputWeights(config, dtype))] as const,
    [`steps in ${dtype}`, () => stepsProgram(trainingOf(config, true, dtype))] as const
  ]),
  ...[false, true].flatMap((recompute) =>
    [
      ["gradients", gradientsProgram] as const,
      ["apply", applyProgram] as const,
      ["steps", stepsProgram] as const
    ].map(([name, build]) =>
      [`${name}${recompute ? ", recomputed" : ""}`, () => build(trainingOf(config, recompute))] as const
    )
  )
]

const preferences = dpo({ beta: 0.1, distributions: true })

const programs = (config: ModelConfig): ReadonlyArray<readonly [string, () => Graph]> => [
  ...selfContained(config),
  ["steps of dpo in bfloat16", () => stepsProgram({ ...trainingOf(config, true, "bfloat16"), objective: preferences })],
  ["steps of ppo", () => stepsProgram({ ...trainingOf(config, true), objective: ppo({ entropy: true }) })],
  [
    "steps of pro",
    () => stepsProgram({ ...trainingOf(config, true), objective: pro({ candidates: 4, sftWeight: 0.05 }) })
  ],
  ["steps of bradley-terry", () => stepsProgram({ ...trainingOf(config, true), objective: bradleyTerry() })],
  ["evaluation", () => evaluationProgram(trainingOf(config, false), preferences, 2048)],
  ["generate with int4 weights", () => generateProgram(config, int4(config), [2], samplings[0]!)],
  ["gradients of an adapter on int4 weights", () => gradientsProgram(adapterOf(config))],
  ["steps of an adapter on int4 weights", () => stepsProgram(adapterOf(config))]
]

const describeNode = (path: string, node: Node): string => `${path} ${fullName(node)} ${node.inputs[0]?.dtype}`

const bodyCalled = (placements: ReadonlyArray<GraphPlacement>, end: string): GraphPlacement => {
  const found = placements.find(({ path }) => path.split("/").at(-1) === end)
  if (found === undefined) throw new Error(`no body ${end} among ${placements.map(({ path }) => path).join(", ")}`)
  return found
}

for (const [model, config] of Object.entries(models)) {
  describe(`on CUDA, ${model}`, () => {
    for (const [name, build] of programs(config)) {
      it(`${name}: every node has a kernel`, () => {
        const program = build()
        const placements = placeOnCuda(program)
        const without = placements.flatMap(({ path, withoutKernel }) =>
          withoutKernel.map((node) => describeNode(path, node))
        )
        expect(without).toEqual([])
        // An op that extract.py has no example of may hide copies.
        const unknown = [...usedNodes(program)].filter((node) => hasKernel(node) && !isProbed(node)).map(fullName)
        expect(unknown).toEqual([])
      })
    }

    for (const [name, build] of programs(config).filter(([name]) => name.startsWith("generate"))) {
      it(`${name}: nothing is copied per token`, () => {
        const { copies, fed } = bodyCalled(placeOnCuda(build()), "tokens")
        expect(copies.map(({ direction, tensor }) => [direction, tensor.dtype, tensor.shape])).toEqual([])
        // Eight bytes that the device does not wait for: which token it is.
        expect(fed.map(({ direction, tensor }) => `${direction} ${tensor.name}`)).toEqual([
          "from host tokens/iteration"
        ])
      })
    }

    for (const [name, build] of programs(config).filter(([name]) => name.startsWith("steps"))) {
      it(`${name}: nothing is copied per step`, () => {
        const placements = placeOnCuda(build())
        const { copies, fed } = bodyCalled(placements, "steps")
        expect(copies.map(({ direction, tensor }) => [direction, tensor.dtype, tensor.shape])).toEqual([])
        expect(fed.map(({ direction, tensor }) => `${direction} ${tensor.name}`)).toEqual(["from host steps/iteration"])
        for (const { copies, fed, path } of placements.filter(({ path }) => path.startsWith("steps/"))) {
          expect([path, copies.map(({ tensor }) => tensor.name)]).toEqual([path, []])
          expect([path, fed.filter(({ direction }) => direction === "to host")]).toEqual([path, []])
        }
      })
    }
  })
}

const python = process.env["GEMFLOW_ONNXRUNTIME_GPU"]

/** See test/runtime/onnx/devices/cuda/README.md. */
describe.runIf(python)("onnxruntime itself", () => {
  const all = Object.entries(models).flatMap(([model, config]) =>
    selfContained(config).map(([name, build]) => [`${model}: ${name}`, build] as const)
  )
  for (const [name, build] of all) {
    it(`${name} copies what Placement.ts says`, () => {
      const folder = mkdtempSync(join(tmpdir(), "gemflow-placement-"))
      try {
        const program = build()
        writeFileSync(join(folder, "program.onnx"), serialiseProgram(program).model)
        const script = fileURLToPath(new URL("../onnx/devices/cuda/place.py", import.meta.url))
        const out = execFileSync(python ?? "", [script, join(folder, "program.onnx"), "disabled"], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"]
        })
        const found = out.trim().split("\n").map((line): { fromHost: Array<string>; toHost: Array<string> } =>
          JSON.parse(line)
        )
        const counts = placeOnCuda(program).map(({ copies }) =>
          ["to host", "from host"].map((direction) => copies.filter((copy) => copy.direction === direction).length)
        )
        const sorted = (counts: ReadonlyArray<ReadonlyArray<number>>) => counts.map(String).toSorted()
        expect(sorted(found.map(({ fromHost, toHost }) => [toHost.length, fromHost.length]))).toEqual(sorted(counts))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
