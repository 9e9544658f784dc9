import { beforeAll, describe, expect, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const ask = async (...args: ReadonlyArray<string>) => {
  const { code, err, out } = await project.inProcess(...args)
  expect(err).toBe("")
  expect(code).toBe(0)
  return out
}
const askJson = async (...args: ReadonlyArray<string>) => JSON.parse(await ask(...args))

beforeAll(async () => {
  await project.inProcess("run", "numbers.ts", "--json")
})

describe("gemflow plan", () => {
  it("of a project that never ran creates nothing", async () => {
    const fresh = temporaryProject()
    const { out } = await fresh.inProcess("plan", "numbers.ts")
    expect(out).toContain("numbers  stale   never-run")
    expect(out).toContain("5 nodes stale, 0 cached")
    expect(existsSync(join(fresh.root, ".gemflow"))).toBe(false)
  })

  it("names what is stale and why", async () => {
    expect(await ask("plan", "numbers.ts")).toContain("0 nodes stale, 5 cached")
    const plan = await askJson("plan", "numbers.ts", "--json", "--set", "scale.factor=0.5", "--force", "numbers")
    expect(plan).toMatchObject({ pipeline: "numbers", cached: 0, stale: 5 })
    const nodes = plan.nodes.map(({ details, node, reasons, status }: Record<string, unknown>) => ({
      node,
      status,
      reasons,
      details
    }))
    expect(nodes).toEqual([
      { node: "numbers", status: "stale", reasons: ["forced"], details: ["forced"] },
      {
        node: "scale",
        status: "stale",
        reasons: ["config", "upstream"],
        details: ["config: factor 2 -> 0.5", "upstream: numbers"]
      },
      { node: "sign", status: "stale", reasons: ["upstream"], details: ["upstream: scale"] },
      { node: "trouble", status: "stale", reasons: ["upstream"], details: ["upstream: sign"] },
      { node: "total", status: "stale", reasons: ["upstream"], details: ["upstream: scale", "upstream: trouble"] }
    ])
  })
})

describe("gemflow show", () => {
  it("shows some columns, also of an artifact by its digest, and refuses others", async () => {
    const shown = JSON.parse(await ask("show", "numbers.ts", "scale", "--json"))
    const some = JSON.parse(await ask("show", "numbers.ts", shown.digest.slice(0, 8), "--columns", "value", "--json"))
    expect(some).toMatchObject({
      node: null,
      digest: shown.digest,
      rows: shown.rows.map(({ value }: { value: number }) => ({ value }))
    })
    expect(some.columns.map(({ name }: { name: string }) => name)).toEqual(["value"])
    expect(some.columns[0].statistics.values.quantiles).toMatchObject({ q25: 3.5, q50: 5 })
    const { code, err } = await project.inProcess("show", "numbers.ts", "scale", "--columns", "value,price")
    expect([code, err]).toEqual([2, "gemflow: scale has no column price; it has id, value.\n"])
  })

  it("shows columns, statistics and rows", async () => {
    expect(await ask("show", "numbers.ts", "scale", "--rows", "2")).toMatch(
      new RegExp(
        [
          "^scale  Numbers, 4 rows, [^,]+, [0-9a-f]{12}, computed by run \\S+",
          "",
          "column  type     values                                  meaning",
          "id      utf8     4 distinct, length 2                    Name of the number.",
          "value   float64  2 … 8, mean 5, median 5                 The number.",
          "",
          "id  value",
          "n1      2",
          "n2      4",
          "… and 2 more rows\n$"
        ].join("\n").replace(/ {4,}(?=meaning|Name|The number)/g, " +")
      )
    )
  })

  it("gives the same as JSON, and the path of the Arrow file", async () => {
    const shown = await askJson("show", "numbers.ts", "total", "--json")
    expect(shown).toMatchObject({ node: "total", table: "Totals", numRows: 2 })
    expect(shown.rows[0]).toEqual({ label: "scaled", total: 20, total_low: 19.5, total_high: 20.5, count: 4 })
    expect(shown.columns[4]).toMatchObject({
      name: "count",
      type: "int32",
      unit: "numbers",
      statistics: { kind: "number", nulls: 0, values: { min: 4, mean: 4, max: 4 } }
    })
    const path = (await ask("show", "numbers.ts", "total", "--path")).trim()
    expect(path).toBe(shown.path)
    expect(existsSync(path)).toBe(true)
  })
})

describe("gemflow lineage", () => {
  it("is a tree of what a node was computed from, or of what came of it", async () => {
    const plain = (text: string) =>
      text.replace(/computed in [\d.]+ m?s/g, "computed").replace(/[0-9a-f]{8}/g, "digest")
    expect(plain(await ask("lineage", "numbers.ts", "total"))).toBe(`total  2 rows · digest · computed
├─ tables: scale  4 rows · digest · computed
│  └─ numbers: numbers  4 rows · digest · computed
└─ tables: trouble  4 rows · digest · computed
   └─ numbers: sign  4 rows · digest · computed
      └─ numbers: scale  4 rows · digest · computed  (as above)
`)
    expect(plain(await ask("lineage", "numbers.ts", "sign", "--down"))).toBe(`sign  4 rows · digest · computed
└─ numbers: trouble  4 rows · digest · computed
   └─ tables: total  2 rows · digest · computed
`)
  })

  it("is a diagram, or JSON with the config of each node", async () => {
    const mermaid = await ask("lineage", "numbers.ts", "sign", "--format", "mermaid")
    expect(mermaid).toMatch(/^flowchart LR\n {2}n0\["numbers<br\/>[0-9a-f]{8}"\]\n/)
    expect(mermaid).toContain("  n0 -- numbers --> n1\n")
    const graph = await askJson("lineage", "numbers.ts", "sign", "--format", "json")
    expect(graph.nodes.map(({ node }: { readonly node: string }) => node)).toEqual(["numbers", "scale", "sign"])
    expect(graph.nodes[1]).toMatchObject({ status: "executed", rows: 4, config: { factor: 2 } })
    expect(graph.edges).toContainEqual({ from: "scale", to: "sign", input: "numbers" })
  })
})

describe("gemflow runs", () => {
  it("lists runs, and shows one", async () => {
    const runs = await askJson("runs", "--json")
    expect(runs).toHaveLength(1)
    expect(runs[0]).toMatchObject({ pipeline: "numbers", status: "succeeded", executed: 5, cached: 0, failed: 0 })
    expect(await ask("runs")).toContain(runs[0].run)
    const run = await askJson("runs", runs[0].run, "--json")
    expect(run.nodes.map(({ node }: { readonly node: string }) => node)).toContain("total")
    expect(await ask("runs", runs[0].run)).toContain("never-run")
  })

  it("of a project that never ran says what to do", async () => {
    const fresh = temporaryProject()
    expect((await fresh.inProcess("runs")).out).toContain("gemflow run FILE")
  })
})

describe("a reader that has seen enough", () => {
  it("ends nothing with an error", async () => {
    const { child, finished } = project.start("show", "numbers.ts", "scale", "--json")
    child.stdout?.destroy()
    const { code, err } = await finished
    expect(err).toBe("")
    expect(code).toBe(0)
  })
})

describe("gemflow --help", () => {
  it.each(["run", "plan", "show", "lineage", "runs"])("of %s shows flags and examples", async (command) => {
    const help = await ask(command, "--help")
    expect(help).toContain("USAGE")
    expect(help).toContain("EXAMPLES")
    expect(help).toContain("--store")
  })

  it("is shown when no command is given, and names them all", async () => {
    const { code, out } = await project.inProcess()
    expect(code).toBe(0)
    for (const command of ["run", "plan", "show", "lineage", "runs"]) expect(out).toContain(command)
    expect(await ask("--version")).toMatch(/^gemflow \d+\.\d+\.\d+\n$/)
  })
})
