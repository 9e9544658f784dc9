import { describe, expect, it } from "@effect/vitest"
import type { Pipeline } from "gemflow"
import dpo from "../../pipelines/baselines/dpo.ts"
import filteredDpo from "../../pipelines/baselines/filtered-dpo.ts"
import ipo from "../../pipelines/baselines/ipo.ts"
import ppo from "../../pipelines/baselines/ppo.ts"
import pro from "../../pipelines/baselines/pro.ts"
import gem from "../../pipelines/gem.ts"

const shared = [
  "preference-pairs",
  "training-pairs",
  "held-out-pairs",
  "checkpoint",
  "reflective-sft",
  "answers-base",
  "answers-sft",
  "preferences-base",
  "preferences-sft"
]

const described = (pipeline: Pipeline, name: string) => {
  const instance = pipeline.byName.get(name)
  return { node: instance?.node.name, config: instance?.config, inputs: instance?.inputs }
}

describe.each([dpo, ipo, pro, ppo])("the baseline $name", (pipeline) => {
  it.each(shared)("has the node %s of gem.ts, so that a store computes it once", (name) => {
    expect(described(pipeline, name)).toEqual(described(gem, name))
  })

  it("has its own policies in the report, by its own name", () => {
    const labels = pipeline.nodes.flatMap(({ config }) => typeof config["label"] === "string" ? [config["label"]] : [])
    expect(
      labels.filter((label) => !["base", "sft", "reward-model"].includes(label)).every((label) =>
        label.replaceAll(" ", "-").startsWith(pipeline.name)
      )
    ).toBe(true)
    expect(new Set(labels).size).toBeGreaterThanOrEqual(3)
  })
})

it("IPO is DPO but for the loss", () => {
  expect(ipo.nodes.map(({ name }) => name)).toEqual(dpo.nodes.map(({ name }) => name))
  expect(ipo.byName.get("dpo")?.node.name).toBe("ipo")
  expect(ipo.byName.get("dpo")?.config).toEqual(dpo.byName.get("dpo")?.config)
})

it("filtered DPO is GEM but for its filter and its update, and samples the same in the first round", () => {
  expect(filteredDpo.nodes.map(({ name }) => name)).toEqual(gem.nodes.map(({ name }) => name))
  expect(filteredDpo.byName.get("round-1/update")?.node.name).toBe("pairwise-update")
  const same = gem.nodes.filter(({ name }) => !/update|filter/.test(name))
  for (const { name } of same) expect(described(filteredDpo, name)).toEqual(described(gem, name))
})
