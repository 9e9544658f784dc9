import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import type { ExecutionRow, InputRow } from "../../../runtime/lineage/CatalogRows.ts"
import { ancestors, type DeclaredNode, descendants, lineageGraph } from "../../../runtime/lineage/Lineage.ts"

const declared: ReadonlyArray<DeclaredNode> = [
  { node: "pairs", kind: "pairs", inputs: {} },
  { node: "sample", kind: "sample", inputs: { prompts: ["pairs"] } },
  { node: "score", kind: "score", inputs: { candidates: ["sample"] } },
  { node: "report", kind: "report", inputs: { scores: ["score"], pairs: ["pairs"] } }
]

const execution = (node: string, over: Partial<ExecutionRow> = {}): ExecutionRow => ({
  run: "r2",
  node,
  kind: node,
  status: "cached",
  key_digest: `key-${node}`,
  output: `artifact-${node}`,
  row_count: 3,
  reasons: [],
  device: null,
  started_at: 0,
  duration_ms: 1,
  error: null,
  ...over
})

const input = (node: string, name: string, source: string): InputRow => ({
  run: "r2",
  node,
  input: name,
  position: 0,
  source,
  artifact: `artifact-${source}`
})

const recorded = (executions: ReadonlyArray<ExecutionRow>, inputs: ReadonlyArray<InputRow>) => ({
  run: {
    run: "r2",
    pipeline: "gem",
    file: "gem.ts",
    settings: [],
    host: "h",
    pid: 1,
    started_at: 0,
    finished_at: 1,
    status: "succeeded" as const,
    executed: 0,
    cached: 1,
    failed: 0
  },
  executions,
  inputs,
  actions: [{
    key_digest: "key-sample",
    key: { config: { temperature: 0.9 } },
    output: "artifact-sample",
    type: "Candidates",
    row_count: 3,
    bytes: 10,
    columns: {},
    run: "r1",
    node: "sample",
    created_at: 0
  }]
})

const names = ({ nodes }: { readonly nodes: ReadonlyArray<{ readonly node: string }> }) => nodes.map(({ node }) => node)

describe("lineage", () => {
  it("of a pipeline that never ran is as declared", () => {
    const graph = lineageGraph(declared, undefined)
    expect(graph.nodes.every(({ status }) => status === "not-run")).toBe(true)
    expect(names(ancestors(graph, "score"))).toEqual(["pairs", "sample", "score"])
    expect(names(descendants(graph, "sample"))).toEqual(["sample", "score", "report"])
    expect(names(ancestors(graph, "pairs"))).toEqual(["pairs"])
  })

  it("tells which run computed what, with which config", () => {
    const graph = lineageGraph(
      declared,
      recorded([execution("pairs"), execution("sample")], [input("sample", "prompts", "pairs")])
    )
    expect(graph.run).toBe("r2")
    expect(graph.nodes[1]).toMatchObject({
      artifact: "artifact-sample",
      computedBy: "r1",
      config: { temperature: 0.9 }
    })
    expect(graph.nodes.map(({ status }) => status)).toEqual(["cached", "cached", "not-run", "not-run"])
  })

  it("follows what was recorded where the file says otherwise by now", () => {
    const graph = lineageGraph(
      declared,
      recorded([execution("old"), execution("sample"), execution("score")], [
        input("sample", "prompts", "old"),
        input("score", "candidates", "sample")
      ])
    )
    expect(names(ancestors(graph, "score"))).toEqual(["old", "sample", "score"])
  })

  it("takes from other runs what was computed from the same artifacts", () => {
    const last = (execution: ExecutionRow, ...inputs: ReadonlyArray<InputRow>) => ({ execution, inputs })
    const run = recorded([execution("pairs"), execution("sample")], [input("sample", "prompts", "pairs")])
    const score = last(execution("score", { run: "r1" }), input("score", "candidates", "sample"))
    const graph = lineageGraph(declared, run, new Map([["score", score]]))
    expect(graph.nodes[2]).toMatchObject({ node: "score", artifact: "artifact-score" })
    const other = { ...input("score", "candidates", "sample"), artifact: "another" }
    const outdated = lineageGraph(declared, run, new Map([["score", last(execution("score", { run: "r1" }), other)]]))
    expect(outdated.nodes[2]).toEqual({ node: "score", kind: "score", status: "outdated" })
  })

  it("of a failed node is what it was to be computed from", () => {
    const failed = execution("score", { status: "failed", output: null, key_digest: null, error: "no luck" })
    const graph = lineageGraph(
      declared,
      recorded([execution("pairs"), execution("sample"), failed], [input("sample", "prompts", "pairs")])
    )
    expect(names(ancestors(graph, "score"))).toEqual(["pairs", "sample", "score"])
    expect(graph.nodes[2]).toMatchObject({ status: "failed", error: "no luck" })
  })

  // A node is an ancestor exactly of its descendants: the edges may be any, each from an earlier node to a later one.
  it.prop("up is the converse of down", [
    Schema.Array(
      Schema.Tuple([
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
      ])
    )
  ], ([pairs]) => {
    const nodes = Array.from({ length: 10 }, (_, to): DeclaredNode => ({
      node: `n${to}`,
      kind: "n",
      inputs: { all: pairs.filter(([a, b]) => Math.max(a, b) === to && a !== b).map(([a, b]) => `n${Math.min(a, b)}`) }
    }))
    const graph = lineageGraph(nodes, undefined)
    for (const { node } of nodes) {
      for (const below of names(descendants(graph, node))) expect(names(ancestors(graph, below))).toContain(node)
      for (const above of names(ancestors(graph, node))) expect(names(descendants(graph, above))).toContain(node)
    }
  })
})
