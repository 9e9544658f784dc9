/** The plan on paper says what its arithmetic says. */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  adapterParameters,
  cachePerToken,
  forwardFlops,
  int4Bits,
  layerBytesPerToken,
  multiplied,
  parameters
} from "../../bench/plan/Llama3.ts"
import { asked } from "../../bench/plan/Machine.ts"
import { markdown, tables } from "../../bench/plan/Tables.ts"

const page = readFileSync(fileURLToPath(new URL("../../docs/llama-3-8b-on-a100.md", import.meta.url)), "utf8")
const prose = page.replaceAll(/\s+/g, " ")

describe("docs/llama-3-8b-on-a100.md", () => {
  for (const table of tables) {
    it(`has the table of ${table.name}`, () => {
      expect(table.rows.length).toBeGreaterThan(3)
      expect(page).toContain(`<!-- ${table.name} -->\n${markdown(table)}\n<!-- end -->`)
    })
  }

  it("says in its text what the arithmetic gives", () => {
    const cell = (name: string, row: string, column: number) =>
      tables.find((table) => table.name === name)?.rows.find(([first]) => first?.startsWith(row))?.[column]
    const kilo = (bytes: number) => `${(bytes / 1e3).toFixed(0)} kB`
    const attention = layerBytesPerToken(768) - layerBytesPerToken(0)
    expect(prose).toContain(`of ${kilo(layerBytesPerToken(768))} per token and layer ${kilo(attention)}`)
    expect(prose).toContain(`in int4 ${int4Bits} bits`)
    expect(prose).toContain(`(${(multiplied / 1e9).toFixed(2)} G weights`)
    expect(prose).toContain(
      `${cell("memory by part", "all weights", 2)} of state beside ${cell("memory by part", "weights, b", 2)}`
    )
    expect(prose).toContain(`${cell("memory by part", "activations of a", 2)} to 2.8 GB`)
    expect(cell("memory by part", "activations, l", 2)).toBe("2.81 GB")
    const decode = Number(/^([\d.]+) ms/.exec(cell("times against the roofline", "decode, one token", 4) ?? "")?.[1])
    expect(prose).toContain(`256 x ${decode} ms = ${(256 * decode / 1e3).toFixed(1)} s of decoding`)
    expect(prose).toContain(`${(160 / decode).toFixed(1)} k tokens/s`)
    const kernels = asked.kernels + 32 * asked.kernelsPerLayer
    const uploads = asked.uploads + 32 * asked.uploadsPerLayer
    const time = (1e3 * asked.seconds * (kernels + uploads)).toFixed(1)
    expect(prose).toContain(`${kernels.toLocaleString("en-US")} launches and ${uploads} uploads for 32 layers`)
    expect(prose).toContain(`the host needs ${time} ms per token`)
    expect(prose).toContain(`${(100 * adapterParameters(16) / parameters.linear).toFixed(1)} % of the base's`)
  })
})

describe("the plan's arithmetic", () => {
  it("is Llama-3-8B's", () => {
    expect(parameters.all).toBe(8_030_261_248)
    expect(adapterParameters(16)).toBe(41_943_040)
    expect(cachePerToken).toBe(131_072)
    // One token that attends to nothing: two operations per weight.
    expect(forwardFlops(1, 0)).toBe(2 * (parameters.all - parameters.embedding - 65 * 4096))
    expect(forwardFlops(10, 100) - forwardFlops(10, 0)).toBe(10 * 100 * 4 * 32 * 4096)
  })
})
