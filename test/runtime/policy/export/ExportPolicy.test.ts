import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { exportCheckpoint, exportProgram, type PolicyFiles } from "../../../../runtime/policy/export/ExportPolicy.ts"
import { fillUniforms, noiseKey } from "../../../../runtime/policy/generate/SamplingNoise.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { adapterPath, adapterReference } from "../adapterReference.ts"
import { python, unlessPython } from "../readBack.ts"
import { checkpointPath, largestDifference, reference, relativeDifference, sequences } from "../reference.ts"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-export-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const adapted: PolicyFiles = { checkpoint: checkpointPath("llama3"), adapter: adapterPath("llama3-all") }
const overInt4: PolicyFiles = { ...adapted, baseWeights: "int4" }

const policies: Readonly<Record<string, PolicyFiles>> = {
  "a checkpoint": { checkpoint: checkpointPath("llama3") },
  "stored in 16 bits and shards": { checkpoint: checkpointPath("qwen2-sharded") },
  "with an adapter over int4": overInt4
}

const opened = ({ checkpoint, ...options }: PolicyFiles) => openPolicy(checkpoint, "cpu", options)

interface Job {
  readonly directory: string
  readonly kind: "greedy" | "sample" | "nucleus"
  readonly prompts: ReadonlyArray<{ readonly id: string; readonly tokens: ReadonlyArray<number> }>
  readonly candidates: number
  readonly steps: number
  readonly seed: number
  readonly temperature: number
  readonly topP: number
}

type Port = {
  readonly name: string
  readonly type: "float32" | "int32" | "int64" | "bool"
  readonly shape: Array<string | number>
  readonly start?: unknown
}

/** What onnxruntime makes of an exported program, with what its description says: tokens by prompt and candidate. */
const run = async (job: Job): Promise<ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>> => {
  const about = JSON.parse(readFileSync(join(job.directory, "generation_program.json"), "utf8"))
  const { file, inputs } = about.programs[job.kind] as { readonly file: string; readonly inputs: ReadonlyArray<Port> }
  const session = await InferenceSession.create(join(job.directory, file), { intraOpNumThreads: 1 })
  const rows = job.prompts.length
  const length = Math.max(1, ...job.prompts.map(({ tokens }) => tokens.length - 1))
  const uniforms = new Float32Array(job.steps * rows * job.candidates)
  job.prompts.forEach(({ id }, row) => {
    for (let candidate = 0; candidate < job.candidates; candidate++) {
      const noise = {
        first: 0,
        count: job.steps,
        offset: row * job.candidates + candidate,
        stride: rows * job.candidates
      }
      fillUniforms(noiseKey(job.seed, id, candidate), uniforms, noise)
    }
  })
  const last = job.prompts.flatMap(({ tokens }) =>
    Array.from({ length: job.candidates }, () => BigInt(tokens.at(-1) ?? 0))
  )
  const given: Readonly<Record<string, Tensor>> = {
    promptTokens: new Tensor(
      "int32",
      job.prompts.flatMap(({ tokens }) =>
        Array.from({ length }, (_, i) => i < tokens.length - 1 ? tokens[i] ?? 0 : Number(about.pad_token_id))
      ),
      [rows, length]
    ),
    promptLengths: new Tensor("int32", job.prompts.map(({ tokens }) => tokens.length), [rows]),
    token: new Tensor("int64", last, [rows, job.candidates]),
    ended: new Tensor("bool", last.map(() => false), [rows, job.candidates]),
    step: new Tensor("int64", [0n], []),
    uniforms: new Tensor("float32", uniforms, [job.steps, rows, job.candidates]),
    temperature: new Tensor("float32", [job.temperature], []),
    topP: new Tensor("float32", [job.topP], [])
  }
  const sizes: Readonly<Record<string, number>> = {
    prompts: rows,
    candidates: job.candidates,
    promptKept: 0,
    generated: 0
  }
  const feeds = Object.fromEntries(
    inputs.filter(({ name }) => session.inputNames.includes(name)).map(({ name, shape, start, type }) => {
      if (start !== "empty") return [name, given[name] ?? new Tensor("float32", [], [0])]
      expect(type).toBe("float32")
      return [name, new Tensor("float32", [], shape.map((dim) => typeof dim === "number" ? dim : sizes[dim] ?? 0))]
    })
  )
  const { tokens } = await session.run(feeds, ["tokens"])
  await session.release()
  const made = Array.from(tokens?.data as BigInt64Array, Number)
  const steps = Math.min(tokens?.dims[0] ?? 0, job.steps)
  return job.prompts.map((_, row) =>
    Array.from({ length: job.candidates }, (_, candidate) => {
      const all = Array.from(
        { length: steps },
        (_, step) => made[(step * rows + row) * job.candidates + candidate] ?? -1
      )
      const end = all.findIndex((token) => about.eos_token_ids.includes(token))
      return end < 0 ? all : all.slice(0, end + 1)
    })
  )
}

/** The same in Python. */
const runInPython = (jobs: ReadonlyArray<Job>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL("../../../fixtures/policy/run_exported.py", import.meta.url))
    const child = execFile(python ?? "python3", [script], (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout)))
    child.stdin?.end(JSON.stringify(jobs))
  })

const requests = (name: "llama3" | "qwen2-sharded") => {
  const prompts = reference(name).scored.map(({ prompt }, index) => ({ id: `${name} ${index}`, tokens: prompt }))
  const sampled = { prompts, candidates: 3, steps: 20, seed: 7, temperature: 0.8, topP: 0.9 }
  return [
    { ...sampled, kind: "greedy", candidates: 1, temperature: 0, topP: 1 },
    { ...sampled, kind: "nucleus" },
    { ...sampled, kind: "sample", topP: 1 }
  ] as const
}

layer(Sessions.layer)("exporting", (it) => {
  describe.each(Object.entries(policies))("the program of a policy: %s", (what, files) => {
    it.effect("gives the same tokens in any onnxruntime", () =>
      Effect.gen(function*() {
        const directory = join(yield* temporary, "program")
        yield* exportProgram(files, directory)
        const found = readdirSync(directory)
        for (
          const file of [
            "model.onnx",
            "greedy.onnx",
            "nucleus.onnx",
            "model.onnx.data",
            "generation_program.json",
            "tokenizer.json"
          ]
        ) {
          expect(found).toContain(file)
        }
        const policy = yield* opened(files)
        for (const { prompts, steps, ...request } of requests(what.includes("shards") ? "qwen2-sharded" : "llama3")) {
          const expected = yield* policy.generate({
            ...request,
            prompts: prompts.map(({ id, tokens }) => ({ id, tokens: Int32Array.from(tokens) })),
            maxNewTokens: steps
          })
          const made = yield* Effect.promise(() => run({ ...request, prompts, steps, directory }))
          expect(made.flat()).toEqual(expected.map(({ tokens }) => [...tokens]))
        }
      }))
  })

  it.effect.skipIf(python === undefined)(
    `gives the same tokens in Python${unlessPython}`,
    () =>
      Effect.gen(function*() {
        const files = overInt4
        const directory = join(yield* temporary, "program")
        yield* exportProgram(files, directory)
        const jobs = requests("llama3").map((request) => ({ ...request, directory }))
        const made = yield* Effect.promise(() => runInPython(jobs))
        expect(made).toEqual(yield* Effect.forEach(jobs, (job) => Effect.promise(() => run(job))))
      }),
    60_000
  )

  it.effect("a checkpoint is copied, an adapter merged into it, quantised weights written as what they stand for", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      yield* exportCheckpoint({ checkpoint: checkpointPath("llama3") }, join(folder, "copy"))
      for (const file of readdirSync(checkpointPath("llama3"))) {
        expect(readFileSync(join(folder, "copy", file))).toEqual(readFileSync(join(checkpointPath("llama3"), file)))
      }
      for (const [what, files] of [["with an adapter", adapted], ["with an adapter over int4", overInt4]] as const) {
        yield* exportCheckpoint(files, join(folder, what))
        const all = sequences(reference("llama3"))
        const expected = yield* (yield* opened(files)).score({ sequences: all })
        const merged = yield* (yield* openPolicy(join(folder, what), "cpu")).score({ sequences: all })
        merged.forEach(({ logProbs }, index) => {
          expect(largestDifference(logProbs, expected[index]?.logProbs ?? [])).toBeLessThan(1e-4)
        })
      }
      const weights = yield* (yield* openCheckpoint(join(folder, "with an adapter"))).load
      for (const [name, summary] of Object.entries(adapterReference("llama3-all").merged.tensors)) {
        expect(
          relativeDifference(
            toNumbers(weights.get(name) ?? { dtype: "float32", dims: [], data: new Float32Array() }),
            summary
          )
        )
          .toBeLessThan(1e-5)
      }
    }))

  it.effect("leaves nothing behind where it fails", () =>
    Effect.gen(function*() {
      const folder = join(yield* temporary, "folder")
      mkdirSync(folder)
      const wrong: PolicyFiles = { checkpoint: checkpointPath("llama2"), adapter: adapterPath("llama3-all") }
      for (const export_ of [exportCheckpoint, exportProgram]) {
        expect((yield* Effect.flip(export_(wrong, join(folder, "out")))).message).toContain(
          "on this base model asks for"
        )
        expect(readdirSync(folder)).toEqual([])
      }
      // A folder in the place of a file.
      mkdirSync(join(folder, "taken", "inside"), { recursive: true })
      const files = adapted
      expect((yield* Effect.flip(exportProgram(files, join(folder, "taken")))).message).toContain("cannot be written")
      expect(readdirSync(folder)).toEqual(["taken"])
      expect(existsSync(join(folder, "taken", "inside"))).toBe(true)
    }))
})
