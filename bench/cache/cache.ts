/**
 * `node --conditions=gemflow-source bench/cache/cache.ts [5|50]`: ways to keep keys and values of a response, each sampling
 * 5 candidates of 128 tokens for 32 prompts. Every variant runs in a process of its own, for its peak memory; what is
 * compared is processor time, which other work on the machine disturbs less than time on the clock.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { createCheckpoint } from "../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import { sizes } from "../engine/models/Sizes.ts"
import { demoPolicy } from "../policies.ts"
import type { Measured } from "./measure.ts"
import { variantNames } from "./variants.ts"

const models: Readonly<Record<string, ModelConfig>> = { "5": sizes["5M"], "50": sizes["50M"] }

const script = fileURLToPath(new URL("measure.ts", import.meta.url))

const measured = (directory: string, variant: string): Measured => {
  const flags = ["--conditions=gemflow-source", "--disable-warning=ExperimentalWarning"]
  const { stderr, stdout } = spawnSync(process.execPath, [...flags, script, directory, variant], { encoding: "utf8" })
  const line = stdout.split("\n").find((text) => text.startsWith("{"))
  if (line === undefined) throw new Error(`${variant} gave no measurement: ${stderr}`)
  return JSON.parse(line)
}

/** Tokens until the first that differs, as a share: sums in another order differ in their last bits, and noise finds them. */
const agreement = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, rows: number): number => {
  let equal = 0
  for (let row = 0; row < rows; row++) {
    for (let at = row; at < a.length && a[at] === b[at]; at += rows) equal++
  }
  return equal / a.length
}

const chosen = process.argv[2]
for (const [size, config] of Object.entries(models).filter(([size]) => chosen === undefined || size === chosen)) {
  const directory = mkdtempSync(join(tmpdir(), "gemflow-cache-"))
  await Effect.runPromise(createCheckpoint({ directory, config, tokenizer: demoPolicy, seed: 0 }))
  console.log(`${size} M parameters`)
  let first: Measured | undefined
  for (const name of variantNames) {
    const result = measured(directory, name)
    first ??= result
    const share = agreement(first.tokens, result.tokens, result.rows)
    console.log(
      `  ${name.padEnd(36)} ${
        (result.tokens.length / result.cpuSeconds).toFixed(0).padStart(6)
      } tokens per processor-second, `
        + `${result.peakMiB.toFixed(0).padStart(5)} MiB, ${(100 * share).toFixed(2)} % of the tokens as the first`
    )
  }
  rmSync(directory, { recursive: true })
}
