import { describe, expect, it } from "@effect/vitest"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const withNodes = (body: string) => `
import { Node, pipeline, reference } from "gemflow"
import { Numbers } from "./nodes/Numbers.ts"
import { Scale } from "./nodes/Scale.ts"
import { Total } from "./nodes/Total.ts"
import { Numbers as NumbersTable, Totals } from "./tables.ts"
${body}
`

/** A command that must fail: its exit code, and what its one sentence must say. */
const refusals: ReadonlyArray<{
  readonly what: string
  readonly args: ReadonlyArray<string>
  readonly code: number
  readonly says: ReadonlyArray<string>
  readonly files?: Record<string, string>
}> = [
  {
    what: "an unknown flag",
    args: ["run", "numbers.ts", "--jsn"],
    code: 2,
    says: ["--jsn", "--json", "gemflow run --help"]
  },
  { what: "an unknown command", args: ["rum", "numbers.ts"], code: 2, says: ["rum", "run"] },
  { what: "a missing argument", args: ["run"], code: 2, says: ["file"] },
  {
    what: "a file that does not exist",
    args: ["run", "gem.ts"],
    code: 2,
    says: [join(project.root, "gem.ts"), "does not exist"]
  },
  {
    what: "an unknown node",
    args: ["run", "numbers.ts", "--set", "scal.factor=1"],
    code: 2,
    says: ["--set scal.factor=1", "Did you mean scale?"]
  },
  {
    what: "an unknown field",
    args: ["run", "numbers.ts", "--set", "scale.fator=1"],
    code: 2,
    says: ["fator", "did you mean factor?"]
  },
  {
    what: "a value that does not decode",
    args: ["run", "numbers.ts", "--set", "scale.factor=much"],
    code: 2,
    says: ["factor of scale", "number", `"much"`]
  },
  {
    what: "an empty store",
    args: ["run", "numbers.ts", "--store", ""],
    code: 2,
    says: ["--store", "Expected the path of a folder"]
  },
  {
    what: "a store where no folder can be made",
    args: ["run", "numbers.ts", "--store", "/proc/gemflow-test/store"],
    code: 1,
    says: ["/proc/gemflow-test/store", "name another store with --store"]
  },
  {
    what: "a timer that throws behind a node's back",
    args: ["run", "stray.ts"],
    code: 1,
    says: ["no node waits for", "boom", "Effect.promise"],
    files: {
      "stray.ts": withNodes(`import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
export const Stray = Node.make("stray", { module: import.meta.url, config: Schema.Struct({}), inputs: {},
  output: NumbersTable, determinism: "exact", run: () => Effect.gen(function*() {
    setTimeout(() => { throw new Error("boom") }, 1)
    yield* Effect.never
    return []
  }) })
export default pipeline("stray", () => Stray())`)
    }
  },
  { what: "a malformed --set", args: ["plan", "numbers.ts", "--set", "scale=1"], code: 2, says: ["NODE.FIELD=VALUE"] },
  {
    what: "an unknown node in --select",
    args: ["run", "numbers.ts", "--select", "totl"],
    code: 2,
    says: ["--select totl", "total"]
  },
  {
    what: "an unknown node in --force",
    args: ["run", "numbers.ts", "--force", "totl"],
    code: 2,
    says: ["--force totl", "total"]
  },
  { what: "an unknown device", args: ["run", "numbers.ts", "--device", "gpu"], code: 2, says: ["gpu", "cuda"] },
  {
    what: "devices of two kinds",
    args: ["run", "numbers.ts", "--device", "cpu", "--device", "webgpu"],
    code: 2,
    says: ["different kinds"]
  },
  {
    what: "no jobs",
    args: ["run", "numbers.ts", "--jobs", "0"],
    code: 2,
    says: [`gemflow: Invalid value for flag --jobs: "0". Expected a number of at least 1. See: gemflow run --help`]
  },
  { what: "an unknown run", args: ["runs", "yesterday"], code: 2, says: ["yesterday"] },
  {
    what: "a node that has not run",
    args: ["show", "numbers.ts", "total"],
    code: 1,
    says: ["total has no output yet", "gemflow run"]
  },
  {
    what: "a failing node",
    args: ["run", "numbers.ts", "--set", "trouble.mode=failure"],
    code: 1,
    says: ["trouble failed: luck.txt:7 holds no luck. Add some."]
  },
  {
    what: "a defect in a node",
    args: ["run", "numbers.ts", "--set", "trouble.mode=defect"],
    code: 1,
    says: ["trouble failed: RangeError: n1 is out of range", "Trouble.ts:"]
  },
  {
    what: "a file that exports no pipeline",
    args: ["run", "none.ts"],
    files: { "none.ts": "export const pipeline = 1\n" },
    code: 2,
    says: ["none.ts", "default export"]
  },
  {
    what: "an import that is not there",
    args: ["run", "import.ts"],
    files: { "import.ts": "import './nodes/Nowhere.ts'\n" },
    code: 2,
    says: ["import.ts", "Nowhere.ts"]
  },
  {
    what: "a duplicate name",
    args: ["run", "duplicate.ts"],
    files: { "duplicate.ts": withNodes(`export default pipeline("p", () => { Numbers(); Numbers() })`) },
    code: 2,
    says: ["duplicate.ts:7", "the name numbers is taken"]
  },
  {
    what: "a cycle",
    args: ["run", "cycle.ts"],
    files: {
      "cycle.ts": withNodes(
        `export default pipeline("p", () => {
          Scale({}, { numbers: reference("b", NumbersTable) }, { name: "a" })
          Scale({}, { numbers: reference("a", NumbersTable) }, { name: "b" })
        })`
      )
    },
    code: 2,
    says: ["cycle", "a -> b"]
  },
  {
    what: "an async definition",
    args: ["run", "async.ts"],
    files: { "async.ts": withNodes(`export default pipeline("p", (async () => { await 1; Numbers() }) as any)`) },
    code: 2,
    says: ["async.ts:7: the function in pipeline(\"p\", …) is async", "make it a plain function"]
  },
  {
    what: "a definition that throws",
    args: ["run", "throws.ts"],
    files: { "throws.ts": withNodes(`export default pipeline("p", () => { throw new RangeError("my own") })`) },
    code: 2,
    says: ["throws.ts:7 failed while it was loaded: my own"]
  },
  {
    what: "a grid that cannot be",
    args: ["ablate", "levels.ts"],
    files: {
      "levels.ts": withNodes(`import { grid, set } from "gemflow"
export default grid(pipeline("p", () => Numbers()), { count: [set(Numbers, { count: "many" as any })] })`)
    },
    code: 2,
    says: ["levels.ts:8", "field count of numbers expects number", "many"]
  },
  {
    what: "a project where a file is",
    args: ["init", "package.json"],
    code: 1,
    says: [join(project.root, "package.json"), "cannot be written", "Name a folder that can"]
  },
  {
    what: "a project where no folder can be made",
    args: ["init", "/proc/gemflow-test"],
    code: 1,
    says: ["/proc/gemflow-test cannot be written"]
  },
  {
    what: "a wrong table",
    args: ["run", "mismatch.ts"],
    files: {
      "mismatch.ts": withNodes(
        `export default pipeline("p", () => Scale({}, { numbers: Total({ labels: [] }, { tables: [Numbers()] }) as any }))`
      )
    },
    code: 2,
    says: ["mismatch.ts:7", "input numbers of scale"]
  },
  {
    what: "a bad config in the file",
    args: ["run", "config.ts"],
    files: { "config.ts": withNodes(`export default pipeline("p", () => Numbers({ count: "many" as any }))`) },
    code: 2,
    says: ["config.ts:7", "field count of numbers"]
  },
  {
    what: "code that cannot be followed",
    args: ["run", "computed.ts"],
    files: {
      "computed.ts": withNodes(`
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
const name = ["./no", "des/formula.ts"].join("")
export const Computed = Node.make("computed", {
  module: import.meta.url, config: Schema.Struct({}), inputs: {}, output: NumbersTable, determinism: "exact",
  run: () => Effect.promise(() => import(name)).pipe(Effect.as([]))
})
export default pipeline("p", () => Computed())`)
    },
    code: 2,
    says: ["computed.ts:13", "computed"]
  },
  {
    what: "a store that cannot be made",
    args: ["run", "numbers.ts", "--store", "package.json/store"],
    code: 1,
    says: ["package.json/store", "--store"]
  },
  {
    what: "a catalog that is none",
    args: ["run", "numbers.ts", "--store", "bad-store"],
    code: 1,
    says: ["catalog.sqlite", "Move the file away"]
  }
]

describe("gemflow refuses", () => {
  it.each(refusals)("$what", async ({ args, code, files = {}, says }) => {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(project.root, file), text)
    if (args.includes("bad-store")) {
      mkdirSync(join(project.root, "bad-store"))
      writeFileSync(
        join(project.root, "bad-store", "catalog.sqlite"),
        "no database, and long enough to look".repeat(40)
      )
    }
    const finished = await project.inProcess(...args)
    for (const part of says) expect(finished.err).toContain(part)
    expect(finished.code).toBe(code)
    // A sentence, no stack trace.
    expect(finished.err).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
  })

  it("with the process's own exit code", async () => {
    const usage = await project.gemflow("run", "numbers.ts", "--jsn")
    expect(usage.code).toBe(2)
    expect(usage.out).toBe("")
    // Only Node itself can say what it does not understand.
    writeFileSync(join(project.root, "syntax.ts"), "const a = 1\nexport default = a\n")
    const syntax = await project.gemflow("run", "syntax.ts")
    expect(syntax.err).toContain(`${join(project.root, "syntax.ts")}`)
    expect(syntax.err).toContain("does not load")
    expect(syntax.err).toContain("Correct the syntax.")
    expect(syntax.code).toBe(2)
    writeFileSync(join(project.root, "data.md"), "# data\n")
    const language = await project.gemflow("run", "data.md")
    expect(language.err).toContain(`${join(project.root, "data.md")} does not load`)
    expect(language.err).toContain("TypeScript or JavaScript")
    expect(language.code).toBe(2)
    const failure = await project.gemflow("run", "numbers.ts", "--json", "--set", "trouble.mode=failure")
    expect(failure.code).toBe(1)
    expect(failure.events().at(-1)).toMatchObject({ type: "RunFinished", failed: 1 })
    expect(failure.statuses()).toMatchObject({ sign: expect.stringMatching(/executed|cached/), trouble: "failed" })
  })
})
