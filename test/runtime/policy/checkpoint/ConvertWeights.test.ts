import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { ArtifactStore } from "../../../../artifacts/ArtifactStore.ts"
import * as Safetensors from "../../../../artifacts/Safetensors.ts"
import { graph, output } from "../../../../runtime/onnx/Graph.ts"
import { cast } from "../../../../runtime/onnx/ops/Logic.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import {
  type Checkpoint,
  type CheckpointOptions,
  openCheckpoint
} from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { checkpointPath, reference, sequences } from "../reference.ts"
import { copyOf, temporary, withTensors } from "./copies.ts"

/** Opens a checkpoint with a store at hand, and makes its weights ready. */
const inStore = (root: string, directory: string, options: CheckpointOptions = {}) =>
  Effect.gen(function*() {
    const checkpoint = yield* openCheckpoint(directory, options)
    return { checkpoint, folder: yield* checkpoint.folder }
  }).pipe(Effect.provide(ArtifactStore.layer(root)))

const files = (root: string): ReadonlyArray<string> =>
  readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name)

describe("weights in another type than the program's", () => {
  it.effect("are converted when first needed, once, and found again by another process", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const directory = yield* copyOf("qwen2-sharded")
      yield* openCheckpoint(directory).pipe(Effect.provide(ArtifactStore.layer(root)))
      expect(readdirSync(root)).toEqual([])

      const first = yield* inStore(root, directory)
      const written = files(root)
      expect(written.filter((name) => name === "model.safetensors").length).toBe(1)
      expect((yield* inStore(root, directory)).folder).toBe(first.folder)
      expect(files(root)).toEqual(written)
      const header = yield* Safetensors.readHeader(join(first.folder, "model.safetensors"))
      const weights = yield* first.checkpoint.load
      expect([...header.tensors.keys()].toSorted()).toEqual([...weights.keys()].toSorted())
      for (const [name, { data }] of weights) {
        expect([name, yield* Safetensors.readTensor(header, name)]).toEqual([name, new Uint8Array(data.buffer)])
      }
      // The store vouches for it as for any directory.
      const digest = first.folder.slice(-64)
      const verify = ArtifactStore.pipe(Effect.flatMap((store) => store.verify(digest)))
      expect(yield* verify.pipe(Effect.provide(ArtifactStore.layer(root)))).toBe(true)
    }))

  it.effect("are converted anew when the file changed, or what was converted is torn", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const directory = yield* copyOf("tied-bf16")
      const before = yield* inStore(root, directory)
      const weights = join(directory, "model.safetensors")
      const bytes = readFileSync(weights)
      bytes.writeUInt16LE(0x3f80, bytes.length - 2)
      writeFileSync(weights, bytes)
      // As a copy that keeps times would look.
      utimesSync(weights, 0, 0)
      const after = yield* inStore(root, directory)
      expect(after.folder).not.toBe(before.folder)

      const converted = join(after.folder, "model.safetensors")
      const whole = readFileSync(converted)
      truncateSync(converted, whole.length - 4)
      const again = yield* inStore(root, directory)
      expect(again.folder).toBe(after.folder)
      expect(readFileSync(join(again.folder, "model.safetensors")).equals(whole)).toBe(true)
      const entry = join(root, "derived")
      for (const name of readdirSync(entry, { recursive: true, encoding: "utf8" })) {
        if (name.endsWith(".json")) writeFileSync(join(entry, name), "{")
      }
      expect((yield* inStore(root, directory)).folder).toBe(after.folder)
    }))

  it.effect("of a checkpoint in the store are known by its digest, wherever the store is moved", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const stored = yield* ArtifactStore.pipe(
        Effect.flatMap((store) =>
          Effect.flatMap(store.putDirectory(checkpointPath("tied-bf16")), (digest) => store.directoryPath(digest))
        ),
        Effect.provide(ArtifactStore.layer(root))
      )
      const [one, two] = yield* Effect.all([inStore(root, stored), inStore(root, stored)], { concurrency: 2 })
      expect(one.folder).toBe(two.folder)
      const entries = readdirSync(join(root, "derived"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".json"))
      expect(entries.length).toBe(1)
      const { key } = JSON.parse(readFileSync(join(root, "derived", entries[0] ?? ""), "utf8"))
      expect(key).toEqual({ made: "weights/1", source: { checkpoint: stored.slice(-64) }, type: "float32" })
    }))

  it.effect("are converted by several processes at once, to one", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const script = join(import.meta.dirname, "fixtures", "converter.ts")
      const run = promisify(execFile)
      const outputs = yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 3 }, () =>
          run(process.execPath, ["--conditions=gemflow-source", script, root, checkpointPath("llama3")])))
      )
      const [folder, ...others] = new Set(outputs.map(({ stdout }) =>
        stdout.trim()
      ))
      expect(others).toEqual([])
      expect(readdirSync(folder ?? "")).toEqual(["model.safetensors"])
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }), 30_000)

  it.effect("lie in a temporary folder of the scope where there is no store", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.scoped(Effect.gen(function*() {
        const checkpoint = yield* openCheckpoint(checkpointPath("tied-bf16"))
        const folder = yield* checkpoint.folder
        expect(yield* checkpoint.folder).toBe(folder)
        expect(readdirSync(folder)).toEqual(["model.safetensors"])
        return folder
      }))
      expect(existsSync(folder)).toBe(false)
    }))

  it.effect("are asked for again where the disk failed", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const directory = yield* copyOf("tied-bf16")
      const checkpoint = yield* openCheckpoint(directory)
      const folder = checkpoint.folder.pipe(Effect.provide(ArtifactStore.layer(root)))
      writeFileSync(join(root, "tmp"), "in the way")
      const error = yield* Effect.flip(folder)
      expect(error.message).toMatch(
        /Cannot write to the artifact store at .*Something that is not a directory is in the way/
      )
      rmSync(join(root, "tmp"))
      expect(readdirSync(yield* folder)).toEqual(["model.safetensors"])
    }))

  it.effect("that it cannot hold are refused, and nothing is left behind", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const directory = yield* withTensors("untied-gqa", (tensors) => {
        const data = new Float32Array(32)
        data[3] = -1e5
        tensors.set("model.norm.weight", { dtype: "F32", shape: [32], data })
      })
      const error = yield* Effect.flip(inStore(root, directory, { precision: "float16" }))
      expect(error.message).toMatch(
        /model\.safetensors, model\.norm\.weight: holds -100000, more than float16 can\. Compute/
      )
      expect(files(root)).toEqual([])
    }))
})

/** The final norm, as a program reads it. */
const normOf = Effect.fnUntraced(function*({ folder, source }: Checkpoint) {
  const program = graph("norm")
  output("norm", cast(source(program).tensor("model.norm.weight"), "float32"))
  const session = yield* (yield* Sessions).open(serialiseProgram(program), { device: "cpu", weights: yield* folder })
  const { norm } = yield* session.run({ feeds: {}, fetch: ["norm"] })
  return norm.data
})

layer(Sessions.layer)("weights in the program's type", (it) => {
  const cases: ReadonlyArray<readonly [string, CheckpointOptions]> = [
    ["untied-gqa", {}],
    ["tied-bf16", { precision: "stored" }],
    ["qwen2-sharded", { precision: "stored" }],
    ["mistral", { precision: "float16" }]
  ]
  for (const [name, options] of cases) {
    it.effect(`are read where they are: ${name}`, () =>
      Effect.gen(function*() {
        const checkpoint = yield* openCheckpoint(checkpointPath(name), options)
        expect(yield* checkpoint.folder).toBe(checkpointPath(name))
        expect(yield* normOf(checkpoint)).toEqual((yield* checkpoint.read("model.norm.weight")).data)
      }))
  }

  it.effect("are read at odd places, where a writer did not align them", () =>
    Effect.gen(function*() {
      const directory = yield* copyOf("untied-gqa")
      const path = join(directory, "model.safetensors")
      const bytes = readFileSync(path)
      const header = 8 + Number(bytes.readBigUInt64LE(0))
      bytes.writeBigUInt64LE(BigInt(header - 8 + 1))
      writeFileSync(path, Buffer.concat([bytes.subarray(0, header), Buffer.from(" "), bytes.subarray(header)]))
      const request = { sequences: sequences(reference("untied-gqa")) }
      const [odd, even] = yield* Effect.forEach([directory, checkpointPath("untied-gqa")], (place) =>
        Effect.flatMap(openPolicy(place, "cpu"), (policy) => policy.score(request)))
      expect(odd).toEqual(even)
    }))

  it.effect("are read where links lead to, as in HuggingFace's cache", () =>
    Effect.gen(function*() {
      const cache = yield* temporary
      const snapshot = join(cache, "snapshot")
      mkdirSync(join(cache, "blobs"))
      mkdirSync(snapshot)
      for (const [index, file] of readdirSync(checkpointPath("qwen2-sharded")).entries()) {
        copyFileSync(join(checkpointPath("qwen2-sharded"), file), join(cache, "blobs", `${index}`))
        symlinkSync(join("..", "blobs", `${index}`), join(snapshot, file))
      }
      const checkpoint = yield* openCheckpoint(snapshot, { precision: "stored" })
      expect(yield* checkpoint.folder).toBe(join(realpathSync(cache), "blobs"))
      expect(yield* normOf(checkpoint)).toEqual((yield* checkpoint.read("model.norm.weight")).data)

      // Files that lead to several folders cannot be read in one: they are copied.
      const shard = join(snapshot, "model-00002-of-00003.safetensors")
      const elsewhere = yield* temporary
      copyFileSync(shard, join(elsewhere, "shard"))
      rmSync(shard)
      symlinkSync(join(elsewhere, "shard"), shard)
      const scattered = yield* openCheckpoint(snapshot, { precision: "stored" })
      expect(readdirSync(yield* scattered.folder)).toEqual(["model.safetensors"])
      expect(yield* normOf(scattered)).toEqual((yield* checkpoint.read("model.norm.weight")).data)
    }))

  it.effect("mixed with another are converted as a whole", () =>
    Effect.gen(function*() {
      const directory = yield* withTensors("tied-bf16", (tensors) => {
        tensors.set("model.norm.weight", { dtype: "F32", shape: [32], data: new Float32Array(32).fill(0.1) })
      })
      const checkpoint = yield* openCheckpoint(directory, { precision: "stored" })
      expect(checkpoint.precision).toBe("bfloat16")
      const header = yield* Safetensors.readHeader(join(yield* checkpoint.folder, "model.safetensors"))
      expect(new Set([...header.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(["BF16"]))
      expect((yield* checkpoint.read("model.norm.weight")).data).toEqual(new Float32Array(32).fill(0.1))
    }))
})
