import { beforeAll, describe, expect, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { checkpointPath } from "../policy/reference.ts"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()

const pair = { prompt: [{ role: "user", content: "1+1" }], chosen: "2", rejected: "3" }

const exported = (...args: ReadonlyArray<string>) => project.inProcess("export", "tuned.ts", ...args)

beforeAll(async () => {
  project.write("pairs.jsonl", `${JSON.stringify(pair)}\n`)
  project.write(
    "tuned.ts",
    `import { pipeline } from "gemflow"
import { Checkpoint, PreferencePairs, ReflectiveSft } from "gemflow/nodes"

export default pipeline("tuned", () => {
  const policy = Checkpoint({ path: ${JSON.stringify(checkpointPath("llama3"))} })
  const pairs = PreferencePairs({ path: "pairs.jsonl" })
  return ReflectiveSft({ adapter: { rank: 2 }, learning_rate: 0.01 }, { policy, pairs })
})
`
  )
  const { code, err } = await project.inProcess("run", "tuned.ts", "--json")
  expect([code, err]).toEqual([0, ""])
}, 30_000)

describe("gemflow export", () => {
  const cases: ReadonlyArray<
    readonly [node: string, flags: ReadonlyArray<string>, says: string, files: ReadonlyArray<string>]
  > = [
    ["reflective-sft", [], "wrote the checkpoint of reflective-sft", ["config.json", "model.safetensors"]],
    ["reflective-sft", ["--format", "adapter"], "wrote the adapter of", [
      "adapter_config.json",
      "adapter_model.safetensors"
    ]],
    ["reflective-sft", ["--format", "onnx"], "wrote the generation program of", [
      "model.onnx",
      "generation_program.json"
    ]],
    ["checkpoint", ["--format", "huggingface"], "wrote the checkpoint of checkpoint", [
      "config.json",
      "model.safetensors"
    ]]
  ]
  it.each(cases)("of %s with %j", async (node, flags, says, files) => {
    const to = `out-${node}-${flags.at(-1) ?? "plain"}`
    const { code, err } = await exported(node, to, ...flags)
    expect(err).toContain(says)
    expect(code).toBe(0)
    expect(readdirSync(join(project.root, to))).toEqual(expect.arrayContaining([...files]))
  })

  it("merges the adapter into the weights it writes", () => {
    const bytes = (folder: string) => readFileSync(join(project.root, folder, "model.safetensors"))
    expect(bytes("out-checkpoint-huggingface")).toEqual(
      readFileSync(join(checkpointPath("llama3"), "model.safetensors"))
    )
    expect(bytes("out-reflective-sft-plain").equals(bytes("out-checkpoint-huggingface"))).toBe(false)
  })

  it.each([
    ["checkpoint", "none", "adapter", "it has no adapter"],
    ["checkpoint", "rows.jsonl", "onnx", "--format onnx makes a folder"],
    ["preference-pairs", "none", "onnx", "its rows name 0 folders, not one"],
    ["reflective-sft", "out-checkpoint-huggingface", "adapter", "it exists"]
  ])("of %s to %s as %s is refused: %4$s", async (node, to, format, says) => {
    const before = readdirSync(project.root)
    const { code, err } = await exported(node, to, "--format", format)
    expect(err).toContain(`${node} was not exported to ${to}: ${says}`)
    expect(code).not.toBe(0)
    expect(readdirSync(project.root)).toEqual(before)
  })

  it("still writes rows", async () => {
    expect((await exported("reflective-sft", "rows.jsonl")).code).toBe(0)
    const row = JSON.parse(readFileSync(join(project.root, "rows.jsonl"), "utf8"))
    expect(row).toMatchObject({ origin: "reflective-sft", base_weights: null })
    expect(row.adapter).toMatch(/^[0-9a-f]{64}$/)
    expect(existsSync(join(project.root, ".gemflow", "directories", row.adapter.slice(0, 2), row.adapter))).toBe(true)
  })
})
