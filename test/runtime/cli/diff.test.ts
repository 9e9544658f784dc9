import { beforeAll, describe, expect, it } from "@effect/vitest"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const diff = (...args: ReadonlyArray<string>) => project.inProcess("diff", ...args)

beforeAll(async () => {
  await project.inProcess("run", "numbers.ts")
  await project.inProcess("run", "numbers.ts", "--set", "scale.factor=3")
})

describe("gemflow diff", () => {
  it("of two runs names keys, tables, columns, rows and numbers", async () => {
    const { code, out } = await diff("last~1", "last")
    expect(code).toBe(0)
    expect(out).toMatch(/^- \S+ {2}numbers, succeeded\n\+ \S+ {2}numbers, succeeded --set scale\.factor=3\n/)
    expect(out).toMatch(
      new RegExp(
        [
          "~ scale  [0-9a-f]{8} -> [0-9a-f]{8}",
          "    config factor 2 -> 3",
          "    columns: value \\(4\\) changed; 1 same",
          "    4 rows, matched by \\S+: 4 changed, 0 same",
          "      ~ .*1: value 2 -> 3"
        ].join("\n")
      )
    )
    expect(out).toContain("~ sign  the same table\n    input column scale.value\n")
    expect(out).toContain("2 nodes with the same key and table\n")
    expect(out).toMatch(/label scaled {2}total +20 +30 +\+10\n/)
    expect(out).toContain("5 numbers the same\n")
  })

  it("takes outputs of nodes in runs, and artifacts", async () => {
    const { out } = await diff("total@last~1", "total@last", "--json")
    const answer = JSON.parse(out)
    expect(answer).toMatchObject({
      equal: false,
      kind: "tables",
      differences: [{ reason: "input", source: "scale", column: "value" }],
      table: { matchedBy: ["label"], changed: 1, same: 1 }
    })
    const artifacts = JSON.parse((await diff(answer.before.digest, answer.after.digest.slice(0, 12), "--json")).out)
    expect(artifacts.table).toEqual(answer.table)
    expect((await diff("sign@last", "trouble@last~1")).out).toContain("the same table")
  })

  it("says by its exit code whether the two differ, when asked", async () => {
    const differs = await diff("--exit-code", "last~1", "last")
    expect([differs.code, differs.err]).toEqual([1, "gemflow: last~1 and last differ\n"])
    expect((await diff("--exit-code", "last", "last")).code).toBe(0)
    // Other keys that gave the same table.
    expect((await diff("--exit-code", "sign@last~1", "sign@last")).code).toBe(0)
  })

  it.each([
    [["last", "last~9"], "knows no run last~9"],
    [["last", "total@last"], "NODE@RUN"],
    [["nothing@last", "last"], "nothing has no output in run"],
    [["0000", "last"], "knows no run 0000"]
  ])("refuses %j", async (args, says) => {
    const { code, err } = await diff(...args)
    expect(code).toBe(2)
    expect(err).toContain(says)
  })
})

describe("gemflow lineage --artifact", () => {
  it("tells what any run computed from an artifact, and who made it", async () => {
    const graph = JSON.parse((await project.inProcess("lineage", "numbers.ts", "numbers", "--format", "json")).out)
    const digest: string = graph.nodes[0].artifact
    const { out } = await project.inProcess("lineage", "--artifact", digest.slice(0, 10), "--down")
    expect(out).toContain(`${digest}\nmade by numbers in run `)
    expect(out).toContain("found cached in 1 run by numbers")
    // Of both runs.
    expect(out.match(/numbers: scale [0-9a-f]{12}/g)).toHaveLength(2)
    expect(out.match(/tables: total [0-9a-f]{12}/g)?.length).toBeGreaterThanOrEqual(2)
    const up = await project.inProcess("lineage", "--artifact", digest.slice(0, 10), "--format", "json")
    expect(JSON.parse(up.out)).toMatchObject({ artifact: digest, uses: [{ status: "executed" }, { status: "cached" }] })
  })

  it.each([
    [["--artifact", "zz"], "hexadecimal"],
    [["--artifact", "00000000"], "no artifact that begins so"],
    [["numbers.ts"], "gemflow lineage FILE NODE"]
  ])("refuses %j", async (args, says) => {
    const { code, err } = await project.inProcess("lineage", ...args)
    expect(code).toBe(2)
    expect(err).toContain(says)
  })
})

describe("gemflow runs", () => {
  it("lists some runs, and takes last for a run", async () => {
    const list = async (...args: ReadonlyArray<string>) => JSON.parse((await project.inProcess("runs", ...args)).out)
    expect(await list("--limit", "1", "--json")).toHaveLength(1)
    expect(await list("--pipeline", "other", "--json")).toEqual([])
    expect(await list("last", "--json")).toMatchObject({ settings: ["scale.factor=3"], executed: 3, cached: 2 })
  })
})
