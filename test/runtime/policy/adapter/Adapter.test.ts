import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readHeader, readTensor, type TensorToWrite, write } from "../../../../artifacts/Safetensors.ts"
import { openAdapter } from "../../../../runtime/policy/adapter/Adapter.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { saveAdapter } from "../../../../runtime/policy/adapter/SaveAdapter.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { adapterPath } from "../adapterReference.ts"
import { checkpointPath } from "../reference.ts"

const FILE = "adapter_model.safetensors"

/** A folder that ends with the test. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-adapter-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const modelOf = (name: string) => Effect.map(openCheckpoint(checkpointPath(name)), ({ config }) => config)

/** A copy of an adapter whose config and tensors were edited. */
const edited = Effect.fnUntraced(function*(
  name: string,
  config: object,
  tensors: (all: Map<string, TensorToWrite>) => void = () => {}
) {
  const directory = join(yield* temporary, "adapter")
  cpSync(adapterPath(name), directory, { recursive: true })
  const path = join(directory, "adapter_config.json")
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...config }))
  const header = yield* readHeader(join(directory, FILE))
  const all = new Map<string, TensorToWrite>()
  for (const [name, { dtype, shape }] of header.tensors) {
    all.set(name, { dtype, shape, data: yield* readTensor(header, name) })
  }
  tensors(all)
  yield* write(join(directory, FILE), all)
  return directory
})

const first = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"

describe("an adapter directory", () => {
  it.effect("is read and written as PEFT does", () =>
    Effect.gen(function*() {
      for (
        const [name, base] of [["llama3-all", "llama3"], ["llama3-attention", "llama3"], [
          "qwen2-all",
          "qwen2"
        ]] as const
      ) {
        const model = yield* modelOf(base)
        const { config, values } = yield* openAdapter(adapterPath(name), model)
        const attention = name === "llama3-attention"
        expect(config.rankStabilised).toBe(attention)
        expect(config.modules).toEqual(linearModules(model, attention ? ["q_proj", "v_proj"] : undefined))
        const directory = join(yield* temporary, "saved")
        yield* saveAdapter(model, config, values, directory)
        expect(yield* openAdapter(directory, model)).toEqual({ directory, config, values })
        const json = (folder: string) => JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"))
        const theirs = json(adapterPath(name))
        for (const [field, value] of Object.entries(json(directory))) {
          if (field === "base_model_name_or_path") continue
          const plain = field === "target_modules" ? theirs[field].toSorted() : theirs[field]
          expect([field, Array.isArray(value) ? value.toSorted() : value]).toEqual([field, plain])
        }
        const [own, other] = [
          yield* readHeader(join(directory, FILE)),
          yield* readHeader(join(adapterPath(name), FILE))
        ]
        expect([...own.tensors.keys()].toSorted()).toEqual([...other.tensors.keys()].toSorted())
        expect(own.metadata).toEqual(other.metadata)
      }
    }))

  it.effect("may name its layers by a regular expression, by full names or in part of the blocks", () =>
    Effect.gen(function*() {
      const model = yield* modelOf("llama3")
      const kinds = ["q_proj", "v_proj"] as const
      const all = linearModules(model, kinds)
      for (const target of [".*\\.(q|v)_proj", all, ["self_attn.q_proj", "v_proj"]]) {
        const { config } = yield* openAdapter(yield* edited("llama3-attention", { target_modules: target }), model)
        expect(config.modules).toEqual(all)
      }
      const inFirst = yield* edited("llama3-attention", { layers_to_transform: [0] }, (tensors) => {
        for (const name of tensors.keys()) if (!name.includes(".layers.0.")) tensors.delete(name)
      })
      const { config, values } = yield* openAdapter(inFirst, model)
      expect(config.modules).toEqual(all.slice(0, 2))
      // Blocks that differ are named one by one, and read again so.
      const directory = join(yield* temporary, "saved")
      yield* saveAdapter(model, config, values, directory)
      expect((yield* openAdapter(directory, model)).config).toEqual(config)
    }))

  const unusable: ReadonlyArray<
    readonly [what: string, says: string, config: object, (all: Map<string, TensorToWrite>) => void]
  > = [
    ["another kind of adapter", "adapter_config.json, peft_type: is \"IA3\"", { peft_type: "IA3" }, () => {}],
    ["DoRA", "use_dora: is true", { use_dora: true }, () => {}],
    ["biases", "bias: is \"all\"", { bias: "all" }, () => {}],
    ["whole modules", "modules_to_save: is [\"lm_head\"]", { modules_to_save: ["lm_head"] }, () => {}],
    ["ranks by layer", "rank_pattern: is {\"q_proj\":2}", { rank_pattern: { q_proj: 2 } }, () => {}],
    ["a kind of the future", "use_more: is 3", { use_more: 3 }, () => {}],
    [
      "a start that changes the base",
      "init_lora_weights: is \"pissa_niter_4\"",
      { init_lora_weights: "pissa_niter_4" },
      () => {}
    ],
    ["a target that is no layer", "target_modules: names \"c_attn\"", { target_modules: ["c_attn"] }, () => {}],
    ["a rank that is none", "adapter_config.json: does not decode", { r: 0 }, () => {}],
    ["another rank", "has shape [4,32], and rank 8 on this base model asks for [8,32]", { r: 8 }, () => {}],
    ["a missing tensor", `${first}: is missing`, {}, (all) => all.delete(first)],
    ["a tensor without PEFT's prefix", "lora_A.weight: does not begin with base_model.model.", {}, (all) => {
      const tensor = all.get(first)
      if (tensor !== undefined) all.set(first.replace("base_model.model.", ""), tensor)
    }],
    ["a tensor of no layer", "is a tensor that a LoRA adapter of this base model does not have", {}, (all) => {
      const tensor = all.get(first)
      if (tensor !== undefined) all.set("base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight", tensor)
    }],
    ["an element type", "is of type I32", {}, (all) => {
      const tensor = all.get(first)
      if (tensor !== undefined) all.set(first, { ...tensor, dtype: "I32" })
    }]
  ]
  it.effect.each(unusable)("with %s is refused in one sentence", ([, says, config, tensors]) =>
    Effect.gen(function*() {
      const directory = yield* edited("llama3-all", config, tensors)
      const error = yield* Effect.flip(openAdapter(directory, yield* modelOf("llama3")))
      expect(error.message).toContain(says)
      expect(error.message).not.toContain("\n")
      expect(error.message.startsWith(directory)).toBe(true)
    }))

  it.effect("of another base is refused by a shape, and a directory that is none by its missing file", () =>
    Effect.gen(function*() {
      const other = yield* Effect.flip(openAdapter(adapterPath("llama3-all"), yield* modelOf("llama2")))
      expect(other.message).toContain("on this base model asks for")
      expect(other.message).toContain("Use the base model that the adapter was trained on.")
      const none = yield* Effect.flip(openAdapter(checkpointPath("llama3"), yield* modelOf("llama3")))
      expect(none.message).toContain("adapter_config.json: does not exist")
    }))
})
