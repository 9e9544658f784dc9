import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { pipeline } from "gemflow"
import { afterEach } from "vitest"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import { newStore, runPipeline, storeLayer } from "./inStore.ts"
import { Exact, OnDevice, Sampled, Seeded, Spoken, variable } from "./keyedNodes.ts"

const inNewStore = <A, E>(effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>) =>
  Effect.provide(effect, storeLayer(newStore()))

/** The key under which an instance last ran or was found. */
const keyOf = Effect.fnUntraced(function*(name: string, node: string) {
  const catalog = yield* Catalog
  return yield* catalog.latest(name, node)
})

describe("declared environment", () => {
  afterEach(() => {
    delete process.env[variable]
  })
  const spoken = pipeline("words", () => Spoken())

  it.effect("is what run receives and no more, and its change is a reason that tells names alone", () =>
    inNewStore(Effect.gen(function*() {
      const told: Array<unknown> = []
      for (const value of [undefined, "", "secret-word", "secret-word", undefined]) {
        if (value === undefined) delete process.env[variable]
        else process.env[variable] = value
        const { events, statuses } = yield* runPipeline(spoken)
        const reasons = events.flatMap((event) => event.type === "NodeFinished" ? event.details : [])
        told.push([statuses["spoken"], ...reasons])
        expect(JSON.stringify(events)).not.toContain("secret-word")
      }
      expect(told).toEqual([
        ["executed", "never-run"],
        ["executed", `environment: ${variable} changed`],
        ["executed", `environment: ${variable} changed`],
        ["cached"],
        ["cached"]
      ])
    })))

  it.effect("is in the key by a digest, and not set differs from empty", () =>
    inNewStore(Effect.gen(function*() {
      process.env[variable] = "secret-word"
      const { result } = yield* runPipeline(spoken)
      expect(result.outputs.size).toBe(1)
      const action = yield* keyOf("words", "spoken")
      expect(JSON.stringify(action)).not.toContain("secret-word")
      expect(action?.key).toMatchObject({ environment: { [variable]: expect.stringMatching(/^[0-9a-f]{64}$/) } })
      delete process.env[variable]
      yield* runPipeline(spoken)
      expect((yield* keyOf("words", "spoken"))?.key).toMatchObject({ environment: { [variable]: "absent" } })
    })))
})

describe("numerics", () => {
  const all = pipeline("all", () => {
    Exact()
    Seeded()
    Sampled()
    OnDevice()
  })

  it.effect("are in the keys of seeded nodes and of nodes on a device", () =>
    inNewStore(Effect.gen(function*() {
      yield* runPipeline(all)
      const numerics: Record<string, unknown> = {}
      for (const { name } of all.nodes) {
        const key = (yield* keyOf("all", name))?.key
        numerics[name] = typeof key === "object" && key !== null && "numerics" in key ? key.numerics : undefined
      }
      const onCpu = { onnxruntime: expect.stringMatching(/^\d/), provider: "cpu", dtype: "float32" }
      expect(numerics).toEqual({ "exact": undefined, "seeded": onCpu, "sampled": undefined, "on-device": onCpu })
    })))
})
