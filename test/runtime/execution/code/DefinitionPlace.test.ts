import { describe, expect, it } from "@effect/vitest"
import { temporaryProject } from "../../cli/TemporaryProject.ts"

const imports = `import { Effect, Schema } from "effect"
import { Node, pipeline } from "gemflow"
import { Numbers } from "./tables.ts"
`
const made = (name: string, result: string) =>
  `Node.make(${JSON.stringify(name)}, { module: import.meta.url, config: Schema.Struct({}), inputs: {}, output: Numbers,
  determinism: "exact", run: () => Effect.succeed(${result}) })`

/** Plans a pipeline file and gives what is said, with the project's places relative to it. */
const planned = async (files: Record<string, string>) => {
  const project = temporaryProject()
  for (const [file, text] of Object.entries(files)) project.write(file, text)
  const { err, out } = await project.inProcess("plan", "made.ts")
  return (out + err).replaceAll(`${project.root}/`, "")
}

describe("a node that is not exported", () => {
  it("may be made at the top level of its module, also by a factory, and is called", async () => {
    const out = await planned({
      "factory.ts":
        `${imports}export const rows = (name: string, module: string, n: number) => Node.make(name, { module,
  config: Schema.Struct({}), inputs: {}, output: Numbers, determinism: "exact", run: () => Effect.succeed([].slice(n)) })
`,
      "made.ts": `${imports}import { rows } from "./factory.ts"
const One = ${made("one", "[]")}
const Two = rows("two", import.meta.url, 2)
const Three = rows("three", import.meta.url, 3)
export default pipeline("made", () => {
  One()
  Two()
  Three()
})
`
    })
    expect(out).toContain("3 nodes stale, 0 cached")
  })

  it.each([
    [
      "in a function of the module, which another module calls",
      {
        "factory.ts": `${imports}export const rows = (n: number) =>\n  ${made("rows", "[].slice(n)")}\n`,
        "made.ts": `${imports}import { rows } from "./factory.ts"\nconst One = rows(1)\n`
          + `export default pipeline("made", () => { One() })\n`
      },
      `factory.ts:5 makes the node "rows" in a function that made.ts:5 calls, so what its code uses from there is no part`
    ],
    [
      "twice by one call",
      {
        "made.ts": `${imports}export default pipeline("made", () => {\n  for (const n of [1, 2]) {\n    `
          + `const Rows = ${made("rows", "[].slice(n)")}\n    Rows({}, {}, { name: \`rows-\${n}\` })\n  }\n})\n`
      },
      `made.ts:4 makes the node "rows" in a function that is called several times`
    ],
    [
      "in a loop",
      {
        "made.ts":
          `${imports}const nodes = []\nfor (const n of [1]) {\n  nodes.push(${made("rows", "[].slice(n)")})\n}\n`
          + `export default pipeline("made", () => { for (const Rows of nodes) Rows() })\n`
      },
      `made.ts:6 makes the node "rows" in a loop`
    ],
    [
      "for a module that did not make it",
      {
        "made.ts": `${imports}const Rows = ${
          made("rows", "[]").replace("import.meta.url", `new URL("./tables.ts", import.meta.url).href`)
        }\nexport default pipeline("made", () => { Rows() })\n`
      },
      `made.ts:4 makes the node "rows" for the module tables.ts, whose code is not what the node runs`
    ]
  ])("is refused when it is made %s", async (_, files, refusal) => {
    expect(await planned(files)).toContain(refusal)
  })
})
