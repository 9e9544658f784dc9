import { describe, expect, it } from "@effect/vitest"
import { splitValues } from "../../../runtime/cli/ablate/VaryFlags.ts"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
project.write(
  "nodes/Noise.ts",
  `import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { Numbers } from "../tables.ts"

/** Each number moved by a value that only the seed decides. */
export const Noise = Node.make("noise", {
  module: import.meta.url,
  config: Schema.Struct({ seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))) }),
  inputs: { numbers: Numbers },
  output: Numbers,
  determinism: "seeded",
  run: ({ config, inputs }) =>
    Effect.succeed(inputs.numbers.rows().map(({ id, value }) => ({ id, value: value + config.seed / 1000 })))
})
`
)
project.write(
  "noisy.ts",
  `import { pipeline } from "gemflow"
import { Noise } from "./nodes/Noise.ts"
import { Numbers } from "./nodes/Numbers.ts"
import { Scale } from "./nodes/Scale.ts"
import { Total } from "./nodes/Total.ts"

export default pipeline("noisy", () => {
  const numbers = Scale({}, { numbers: Numbers({ count: 1 }) })
  return Total({ labels: ["noisy"] }, { tables: [Noise({}, { numbers })] })
})
`
)
project.write(
  "grid.ts",
  `import { grid, level, seeds, swap, vary } from "gemflow"
import noisy from "./noisy.ts"
import { Numbers } from "./nodes/Numbers.ts"
import { Scale } from "./nodes/Scale.ts"
import { Sign } from "./nodes/Sign.ts"

export default grid(noisy, {
  count: vary(Numbers, "count", [1, 2]),
  scale: [level("twice"), swap(Scale, Sign)],
  seed: seeds(3)
})
`
)

describe("gemflow ablate", () => {
  it("shows what is shared and what would execute, and executes nothing in a dry run", async () => {
    const { code, out } = await project.inProcess(
      "ablate",
      "noisy.ts",
      "--vary",
      "scale.factor=2,3",
      "--seeds",
      "3",
      "--dry-run"
    )
    expect(code).toBe(0)
    expect(out).toBe(
      `noisy-grid: 2 variants of 3 replicates each
  factor: 2, 3
  seed: 1, 2, 3

depends on       nodes  to execute  such as
nothing: shared      1           1  numbers
factor               2           2  scale
factor, seed        12          12  noise, total

15 nodes in place of 24; 15 to execute, 0 cached
`
    )
    const runs = await project.inProcess("runs", "--json")
    expect(runs.out).not.toContain("noisy")
  })

  it("executes what is shared once, and compares means over seeds", async () => {
    const { code, err, out } = await project.inProcess(
      "ablate",
      "noisy.ts",
      "--vary",
      "scale.factor=2,3",
      "--seeds",
      "3"
    )
    expect(code).toBe(0)
    // Seeds 0, 1000 and 2000 add 0, 1 and 2: sd 1, and t(0.975, 2) / sqrt(3) = 2.484.
    expect(out.split("\n\n").at(-1)).toBe(
      `factor  label      total  count
2       noisy  3.0 ± 2.5  1 ± 0
3       noisy  4.0 ± 2.5  1 ± 0
`
    )
    // Two totals of equal numbers are the same.
    expect(err).toContain("14 executed, 2 cached")
    const again = await project.inProcess(
      "ablate",
      "noisy.ts",
      "--vary",
      "scale.factor=3,4",
      "--seeds",
      "3",
      "--metric",
      "total"
    )
    // All of factor 3 is there already.
    expect(again.out).toContain("15 nodes in place of 24; 7 to execute, 8 cached")
    expect(again.out).toContain("4       noisy  5.0 ± 2.5\n")
  })

  it("tells the same as JSON, and writes the comparison as an artifact with its lineage", async () => {
    const { out } = await project.inProcess("ablate", "grid.ts", "--metric", "total", "--json")
    const { plan, report, rows } = JSON.parse(out)
    expect(plan).toMatchObject({ grid: "noisy-grid", variants: 4, replicates: 3, alone: 48 })
    expect(rows).toHaveLength(4)
    expect(rows[1]).toMatchObject({
      variant: "count=1,scale=sign",
      levels: [{ axis: "count", level: "1" }, { axis: "scale", level: "sign" }],
      label: "noisy",
      metric: "total",
      replicates: 3,
      mean: 2,
      sd: 1
    })
    const shown = await project.inProcess("show", "grid.ts", "ablation-report", "--json")
    expect(shown.out).toContain(report)
    const lineage = await project.inProcess("lineage", "grid.ts", "ablation-report")
    expect(lineage.out).toContain("count=2,scale=sign,seed=3/total")
    const run = await project.inProcess("run", "grid.ts", "--select", "count=2,scale=sign,seed=3/total")
    expect(run.err).toContain("0 executed, 4 cached")
  })

  it("compares another node's table, and varies a grid further", async () => {
    const vary = ["--vary", `total.labels=["a"],["b"]`, "--select", "noise", "--dry-run"]
    const { out } = await project.inProcess("ablate", "grid.ts", ...vary)
    expect(out).toContain("noisy-grid: 8 variants of 3 replicates each")
    expect(out).toContain("labels: a, b")
    expect(out).toMatch(/count, scale, seed +12 +0 +noise/)
    expect(out).not.toContain("total")
  })

  it("has a table of the variants that finished when others fail", async () => {
    const { code, err, out } = await project.inProcess("ablate", "numbers.ts", "--vary", "trouble.mode=none,failure")
    expect(code).toBe(1)
    expect(out).toMatch(/mode +label +total +count\nnone +scaled +20/)
    expect(out).not.toContain("\nfailure")
    expect(err).toContain("1 variant of 2")
    expect(err).toContain("mode=failure/trouble failed: luck.txt:7")
  })

  it.each([
    [["numbers.ts"], "nothing says what to vary"],
    [["numbers.ts", "--seeds", "2"], "has no node that is seeded or sampled and has a config field seed"],
    [["numbers.ts", "--vary", "scale"], "NODE.FIELD=VALUE,VALUE"],
    [["numbers.ts", "--vary", "scal.factor=1,2"], "Did you mean scale?"],
    [["numbers.ts", "--vary", "scale.factor=1,x"], "field factor of scale expects number, found \"x\""],
    [["numbers.ts", "--vary", "scale.factor=1,2", "--metric", "totl"], "Did you mean total?"],
    [["numbers.ts", "--vary", "scale.factor=1,2", "--select", "totl"], "Did you mean total?"],
    [["grid.ts", "--seeds", "2"], "there is an axis seed already"]
  ])("refuses %o", async (args, says) => {
    const { code, err } = await project.inProcess("ablate", ...args)
    expect(err).toContain(says)
    expect(code).toBe(2)
  })
})

describe("splitValues", () => {
  it.each([
    ["1,2", ["1", "2"]],
    ["", [""]],
    ["[1,2],[3]", ["[1,2]", "[3]"]],
    [`{"a":"x,]","b":[1,2]},null`, [`{"a":"x,]","b":[1,2]}`, "null"]],
    [`"a,\\"b",c`, [`"a,\\"b"`, "c"]]
  ])("cuts %s", (text, values) => {
    expect(splitValues(text)).toEqual(values)
  })
})
