import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "../../..")
const bin = createRequire(import.meta.url).resolve("typescript/package.json")

/** The compiler's complaints about a file beside this one, as `line: message`. */
const complaints = async (source: string): Promise<ReadonlyArray<string>> => {
  const name = `compile-errors-${process.pid}`
  const file = join(import.meta.dirname, `${name}.ts`)
  const config = join(root, `.${name}.tsconfig.json`)
  writeFileSync(file, source)
  writeFileSync(config, JSON.stringify({ extends: "./tsconfig.json", include: [], files: [file] }))
  try {
    const tsc = join(dirname(bin), "bin/tsc")
    const output = await promisify(execFile)(process.execPath, [tsc, "--pretty", "false", "-p", config], { cwd: root })
      .then(({ stdout }) => stdout, (error: { readonly stdout: string }) => error.stdout)
    return output.split("\n").flatMap((line) => {
      const match = /compile-errors-\d+\.ts\((\d+),\d+\): error TS\d+: (.*)$/.exec(line)
      return match === null ? [] : [`${match[1]}: ${match[2]}`]
    })
  } finally {
    rmSync(file)
    rmSync(config)
  }
}

describe("compile errors", () => {
  it("are one sentence at the input that does not fit", async () => {
    const source = `import { reference } from "gemflow"
import { Candidates, EntropyScore, Rank, Scores } from "./exampleNodes.ts"
export const wrongTable = () =>
  Rank({}, {
    scores: reference("sample", Candidates)
  })
export const wrongInput = () =>
  Rank({}, {
    scores: reference("entropy-score", Scores),
    policy: reference("sample", Candidates)
  })
export const wrongField = () => EntropyScore({ lamda: 1 }, { candidates: reference("sample", Candidates) })
`
    expect(await complaints(source)).toEqual([
      expect.stringMatching(
        /^5: .*is not assignable to type '"This table has no column score, which this input needs."'/
      ),
      expect.stringMatching(/^10: .*is not assignable to type '"This node has no input named policy; it has scores."'/),
      expect.stringMatching(/^12: .*'lamda' does not exist.*Did you mean to write 'lambda'\?/)
    ])
  })

  it("are one sentence at the change of a variant, the level of a grid, the scope or round that is wrong", async () => {
    const source = `import { drop, grid, pipeline, reference, rounds, scope, set, swap, vary } from "gemflow"
import { Candidates, EntropyScore, Filter, Rank, Ranking, Sample, Scores } from "./exampleNodes.ts"
const base = pipeline("base", () => {})
export const changes = [
  set(EntropyScore, {
    over: "all",
    lamda: 1
  }),
  swap(
    Filter,
    EntropyScore
  ),
  drop(
    Rank
  )
]
export const gridded = grid(base, {
  lambda: vary(EntropyScore, "lambda", [
    0.1,
    "0.5"
  ]),
  sample: [
    Sample
  ]
})
export const scoped = () =>
  Rank({}, {
    scores: scope("part", () => reference("sample", Candidates))
  })
export const repeated = () =>
  rounds(2, reference("rank", Ranking), () =>
    reference("scores", Scores))
`
    expect(await complaints(source)).toEqual([
      expect.stringMatching(/^7: .*'lamda' does not exist.*Did you mean to write 'lambda'\?/),
      expect.stringMatching(/^11: .*This node reads an input candidates, and the one in whose place it goes has none/),
      expect.stringMatching(/^14: .*None of this node's inputs has the columns that it makes/),
      expect.stringMatching(/^20: Type 'string' is not assignable to type 'number'/),
      expect.stringMatching(/^23: .*is not assignable to type '(Level \| Change|Change \| Level)'/),
      expect.stringMatching(/^28: .*This table has no column score, which this input needs/),
      expect.stringMatching(/^32: .*is not assignable to type 'Handle<TableType<.*rank/)
    ])
  })

  it("are absent from the file of type assertions", () => {
    // Guards against an edit that empties the file that only the compiler checks.
    const assertions = readFileSync(join(import.meta.dirname, "Node.types.ts"), "utf8").match(/@ts-expect-error/g)
    expect(assertions?.length).toBeGreaterThan(35)
  })
})
