import { beforeAll, describe, expect, it } from "@effect/vitest"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const ask = async (...args: ReadonlyArray<string>) => {
  const { code, err, out } = await project.inProcess("trace", "gem.ts", ...args)
  expect(err).toBe("")
  expect(code).toBe(0)
  return out
}
const askJson = async (...args: ReadonlyArray<string>) => JSON.parse(await ask(...args, "--json"))

interface Traced {
  readonly node: string
  readonly row: number
  readonly values: Readonly<Record<string, unknown>>
  readonly links: ReadonlyArray<
    { readonly by: ReadonlyArray<string>; readonly more: number; readonly rows: ReadonlyArray<Traced> }
  >
}
const chain = (row: Traced): ReadonlyArray<string> => [
  row.node,
  ...row.links.flatMap(({ rows }) => rows.slice(0, 1).flatMap(chain))
]

// The tables and nodes of GEM, but for the policy: this one always says the same, with entropies that tell rows apart.
const pipeline = `
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, pipeline, TableType } from "gemflow"
import { Candidates, PreferencePairs as Pairs } from "gemflow/artifacts"
import { Advantage, EntropyScore, Filter, PreferencePairs, Rank, Split } from "gemflow/nodes"

const Say = Node.make("sample", {
  module: import.meta.url,
  config: Schema.Struct({ candidates: Schema.Int }),
  inputs: { pairs: TableType.pick(Pairs, "prompt_id", "prompt") },
  output: Candidates,
  determinism: "exact",
  run: ({ config, inputs }) => {
    const prompts = [...new Map(inputs.pairs.rows().map((pair) => [pair.prompt_id, pair])).values()]
    return Effect.succeed(prompts.flatMap(({ prompt, prompt_id }, place) =>
      Array.from({ length: config.candidates }, (_, candidate) => ({
        candidate_id: \`\${prompt_id}:\${candidate}\`, prompt_id, candidate, prompt,
        prompt_tokens: Int32Array.of(1), prompt_truncated: false, tokens: Int32Array.of(7, 8, 9, 0),
        token_text: ["So", " it is", " 3", ""], text: "So it is 3",
        token_log_prob: Float32Array.of(-1, -1, -1, -1),
        token_entropy: Float32Array.of(1.25 + candidate, 0.5, 0.01, 0.1 * place), finished: true
      }))
    ))
  }
})

export default pipeline("gem", () => {
  const pairs = PreferencePairs({ path: "pairs.jsonl" })
  const train = Split({ part: "train", held_out: 0.4 }, { pairs }, { name: "training-pairs" })
  const candidates = Say({ candidates: 3 }, { pairs: train })
  const scores = EntropyScore({}, { candidates })
  const ranking = Rank({}, { scores })
  const kept = Filter({}, { ranking })
  return Advantage({}, { ranking: kept })
})
`
// Two of the pairs have one prompt.
const questions = ["What is 1 + 2?", "What is 2 + 2?", "What is 1 + 2?", "What is 5 - 2?", "Who?"]

beforeAll(async () => {
  project.write("gem.ts", pipeline)
  project.write(
    "pairs.jsonl",
    questions.map((prompt, line) => `${JSON.stringify({ prompt, chosen: `yes ${line}`, rejected: "no" })}\n`).join("")
  )
  const { code, err } = await project.inProcess("run", "gem.ts")
  expect(err).not.toContain("failed")
  expect(code).toBe(0)
})

describe("gemflow trace", () => {
  it("follows an advantage to its score, its candidate, its prompt and the line of the file", async () => {
    const { row } = await askJson("advantage", "#1")
    expect(chain(row)).toEqual([
      "advantage",
      "filter",
      "rank",
      "entropy-score",
      "sample",
      "training-pairs",
      "preference-pairs"
    ])
    const id = row.values.candidate_id
    let at = row
    const found = new Map<string, Traced>()
    for (; at !== undefined; at = at.links[0]?.rows[0]) found.set(at.node, at)
    // Only what the reader declares of each input, and the row of the same candidate.
    expect(Object.keys(found.get("filter")?.values ?? {})).toEqual([
      "candidate_id",
      "prompt_id",
      "candidate",
      "score",
      "mu"
    ])
    for (const node of ["filter", "rank", "entropy-score", "sample"]) {
      expect(found.get(node)?.values["candidate_id"]).toBe(id)
    }
    expect(found.get("entropy-score")?.values["score"]).toBe(row.values.reward)
    expect(found.get("sample")?.values).toHaveProperty("token_entropy")
    expect(found.get("sample")?.values).not.toHaveProperty("text")
    const source = found.get("preference-pairs")
    const line = Number(source?.values["line"])
    expect(source).toMatchObject({ files: [{ path: "pairs.jsonl", state: "same" }], line })
    expect(source?.values["prompt"]).toEqual([{ role: "user", content: questions[line - 1] }])
  })

  it("finds all rows of an id that is not unique, and names how many of a group a row is", async () => {
    const { row } = await askJson("sample", "#1")
    const [link] = row.links
    expect(link.by).toEqual(["prompt_id"])
    const lines = link.rows.map(({ values }: Traced) => values["prompt_id"])
    expect(new Set(lines)).toEqual(new Set([row.values.prompt_id]))
    expect((await askJson("advantage", "#1")).row.links[0].group).toEqual({ by: "prompt_id", rows: 3 })
  })

  it("is readable: short numbers, tokens with their entropy, the file at the end", async () => {
    const told = await ask("advantage", "#2")
    expect(told).toMatch(/└─ ranking: filter {2}row #\d+ of \d+, Ranking [0-9a-f]{8}, by candidate_id, one of 3 rows/)
    expect(told).toContain("tokens (entropy in nats)")
    expect(told).toMatch(/So\(\d\.\d\) ·it·is\(\.50\) ·3 <end>/)
    expect(told).toMatch(/pairs\.jsonl:\d\n/)
    expect(told.split("\n").every((line) => line.length <= 160)).toBe(true)
  })

  it("goes down to what was computed from a row", async () => {
    const { row } = await askJson("sample", "#1", "--down")
    expect(chain(row)).toEqual(["sample", "entropy-score", "rank", "filter", "advantage"])
    const pairs = await askJson("preference-pairs", "#2", "--down")
    expect(pairs.row.links[0].rows.length).toBeLessThanOrEqual(1)
  })

  it("says when the file is another by now, and answers as of the run", async () => {
    const before = await askJson("preference-pairs", "#1")
    project.edit("pairs.jsonl", "yes 0", "changed")
    expect((await askJson("preference-pairs", "#1")).row).toEqual({
      ...before.row,
      files: [{ path: "pairs.jsonl", state: "changed" }]
    })
    expect(await ask("preference-pairs", "#1")).toContain("the file has changed since it was read")
  })

  it("refuses what is no row, and says what would be one", async () => {
    const { code, err } = await project.inProcess("trace", "gem.ts", "advantage", "zz")
    expect(code).toBe(2)
    expect(err).toContain("or #1")
    await project.inProcess("run", "numbers.ts")
    const none = await project.inProcess("trace", "numbers.ts", "total", "scaled")
    expect(none.err).toContain("`id: true`")
    expect((await project.inProcess("trace", "numbers.ts", "total", "#1")).out).toContain("no id that both have")
  })
})
