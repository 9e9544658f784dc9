/** What is compared, by name. */
import type { Graph } from "../../runtime/onnx/Graph.ts"
import { generateProgram } from "../../runtime/policy/generate/GenerateProgram.ts"
import type { ModelConfig } from "../../runtime/policy/model/ModelConfig.ts"
import type { WeightSource } from "../../runtime/policy/model/Weights.ts"
import { cacheProgram } from "./CacheProgram.ts"
import { groupQueryCaches } from "./GroupQueryAttention.ts"
import { scatteredCaches } from "./ScatteredCache.ts"

type Build = (config: ModelConfig, source: WeightSource) => Graph

// No id ends a response, so that every variant computes as much.
const chunks = (size: number): Build => (config, source) =>
  generateProgram(config, source, [-1], { kind: "all", tempered: false }, size)

const builds: ReadonlyMap<string, Build> = new Map([
  ["chunks of 16", chunks(16)],
  ["chunks of 8", chunks(8)],
  ["chunks of 32", chunks(32)],
  ["growing concat", chunks(1024)],
  ...[...scatteredCaches, ...groupQueryCaches].map((variant): [string, Build] => [
    variant.name,
    (config, source) => cacheProgram(config, source, variant)
  ])
])

export const variantNames: ReadonlyArray<string> = [...builds.keys()]

export const variantNamed = (name: string): Build => {
  const found = builds.get(name)
  if (found === undefined) throw new Error(`there is no variant ${name}; they are ${variantNames.join(", ")}`)
  return found
}
