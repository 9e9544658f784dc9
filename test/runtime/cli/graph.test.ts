import { describe, expect, it } from "@effect/vitest"
import { instance } from "@viz-js/viz"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
project.write(
  "scoped.ts",
  `import { grid, pipeline, rounds, scope, vary } from "gemflow"
import { Numbers } from "./nodes/Numbers.ts"
import { Scale } from "./nodes/Scale.ts"
import { Sign } from "./nodes/Sign.ts"

const base = pipeline("scoped", () => {
  const numbers = Numbers({ count: 4 }, {}, { name: "four" })
  return rounds(2, numbers, (numbers) => scope("part", () => Sign({}, { numbers: Scale({ factor: 2 }, { numbers }) })))
})
export default grid(base, { factor: vary(Scale, "factor", [0.5, 2]) })
`
)

const graph = (...args: ReadonlyArray<string>) => project.inProcess("graph", ...args)

describe("gemflow graph", () => {
  it("draws for Mermaid, a box around each scope", async () => {
    const { code, out } = await graph("scoped.ts", "--select", "factor=0.5/round-1/part/sign")
    expect(code).toBe(0)
    expect(out).toBe(`flowchart LR
  n0["four<br/>(numbers)"]
  subgraph s1["factor=0.5"]
    subgraph s2["round-1"]
      subgraph s3["part"]
        n1["scale"]
        n2["sign"]
      end
    end
  end
  n0 --> n1
  n1 --> n2
`)
  })

  it("draws for Graphviz, which understands it", async () => {
    const { out } = await graph("scoped.ts", "--format", "dot")
    const viz = await instance()
    const drawn = viz.renderJSON(out)
    expect(drawn).toMatchObject({ name: "scoped-grid" })
    // Four nodes a variant, the shared one and the report; a box for each variant, round and part.
    expect(out.match(/n\d+ \[label/g)).toHaveLength(2 * 4 + 2)
    expect(out.match(/subgraph cluster_/g)).toHaveLength(2 * (1 + 2 + 2))
    expect(out).toContain("tooltip=\"factor=0.5/round-2/part/sign\"")
  })

  it("tells what is cached and what is stale, where there is a store", async () => {
    expect((await graph("numbers.ts")).out).not.toContain("class")
    await project.inProcess("run", "numbers.ts", "--select", "sign")
    const { out } = await graph("numbers.ts")
    expect(out).toContain("class n0,n1,n2 cached")
    expect(out).toContain("class n3,n4 stale")
    const changed = await graph("numbers.ts", "--format", "svg", "--set", "scale.factor=3")
    expect(changed.out).toMatch(/^<\?xml[^]*<svg[^]*<\/svg>\n$/)
    expect(changed.out).toContain("numbers: cached")
    expect(changed.out).toContain("scale: stale")
  })

  it("draws without colours what cannot be planned, and says why", async () => {
    project.write(
      "missing.ts",
      `import { pipeline } from "gemflow"
import { Lines } from "./nodes/Lines.ts"
export default pipeline("missing", () => Lines({ path: "nowhere.txt" }))
`
    )
    const { code, err, out } = await graph("missing.ts")
    expect(code).toBe(0)
    expect(out).toContain("n0[\"lines\"]")
    expect(err).toMatch(/no colours, since it cannot be planned: .*nowhere\.txt does not exist/)
  })
})
