/** gem.ts in miniature, for real: the shipped policy, all rounds, with the cache, overrides and edits of code. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { rmSync } from "node:fs"
import { type Checkout, checkout, type Ended } from "./Checkout.ts"

// Fewer pairs, shorter responses: the shape of the pipeline and every node stay as they are.
const small = [
  "preference-pairs.limit=12",
  "sample.max_new_tokens=24",
  "sample.candidates=3",
  "evaluate-answers.samples=1"
]
  .concat("evaluate-answers.max_new_tokens=24", "update.batch_prompts=4", "reflective-sft.batch_pairs=4")
  .flatMap((setting) => ["--set", setting])

interface NodeFinished {
  readonly type: "NodeFinished"
  readonly node: string
  readonly status: "executed" | "cached"
  readonly digest: string
}

const eventsOf = ({ out }: Ended): ReadonlyArray<{ readonly type: string }> =>
  out.trimEnd().split("\n").map((line) => JSON.parse(line))

const finished = (run: Ended): ReadonlyMap<string, NodeFinished> =>
  new Map(
    eventsOf(run)
      .filter((event): event is NodeFinished => event.type === "NodeFinished")
      .map((event) => [event.node, event])
  )

const executed = (run: Ended): ReadonlyArray<string> =>
  [...finished(run).values()].filter(({ status }) => status === "executed").map(({ node }) => node)

describe("gem.ts end to end", () => {
  let project: Checkout
  let first: Ended
  const run = (...args: ReadonlyArray<string>) =>
    project.gemflow("run", "pipelines/gem.ts", "--json", ...small, ...args)

  beforeAll(async () => {
    project = checkout()
    first = await run()
  })
  afterAll(() => rmSync(project.root, { recursive: true, force: true }))

  it("runs every node and ends in the report", async () => {
    expect(first.err).toBe("")
    expect(first.code).toBe(0)
    const last = eventsOf(first).at(-1)
    const nodes = finished(first)
    expect(last).toMatchObject({ type: "RunFinished", executed: nodes.size, cached: 0, failed: 0 })
    for (const name of ["sample", "entropy-score", "rank", "filter", "advantage", "update"]) {
      for (const round of [1, 2, 3, 4]) expect([...nodes.keys()]).toContain(`round-${round}/${name}`)
    }
    const report = await project.gemflow("show", "pipelines/gem.ts", "report", "--json")
    const rows = JSON.stringify(JSON.parse(report.out))
    for (const label of ["base", "sft", "gem round 1", "gem round 2", "gem round 3", "gem round 4"]) {
      expect(rows).toContain(JSON.stringify(label))
    }
  })

  it("recomputes nothing the second time", async () => {
    expect(executed(await run())).toEqual([])
  })

  it("trains: each update gives another policy", () => {
    const digests = [
      "checkpoint",
      "reflective-sft",
      "round-1/update",
      "round-2/update",
      "round-3/update",
      "round-4/update"
    ].map((node) => finished(first).get(node)?.digest)
    expect(new Set(digests).size).toBe(6)
  })

  it("leaves sampling alone when lambda changes, and re-executes what follows from it", async () => {
    const again = await run("--set", "entropy-score.lambda=0.5")
    const nodes = executed(again)
    expect(nodes).toContain("round-1/entropy-score")
    expect(nodes).toContain("round-1/update")
    expect(nodes).toContain("report")
    for (
      const name of [
        "preference-pairs",
        "checkpoint",
        "reflective-sft",
        "round-1/sample",
        "answers-base",
        "answers-sft"
      ]
    ) {
      expect(nodes).not.toContain(name)
    }
  })

  it("takes a comment for what it is, and a formula too", async () => {
    project.edit("nodes/entropy/Score.ts", "export interface Score {", "// A remark.\nexport interface Score {")
    expect(executed(await run())).toEqual([])

    // The same values from another formula: the scores are computed again and equal, so nothing follows.
    project.edit("nodes/entropy/Score.ts", "lambda * branching_entropy,", "branching_entropy * lambda,")
    expect(executed(await run()).toSorted()).toEqual([1, 2, 3, 4].map((round) => `round-${round}/entropy-score`))

    project.edit("nodes/entropy/Score.ts", "branching_entropy * lambda,", "2 * branching_entropy * lambda,")
    const nodes = executed(await run())
    expect(nodes).toContain("round-1/entropy-score")
    expect(nodes).toContain("round-1/update")
    expect(nodes).not.toContain("round-1/sample")
  })
})
