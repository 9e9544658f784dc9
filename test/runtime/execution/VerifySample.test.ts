import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { pipeline } from "gemflow"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { draw, isSound, type SampleOptions, verifySample } from "../../../runtime/execution/VerifySample.ts"
import { catalogPath } from "../../../runtime/lineage/Catalog.ts"
import type { Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import { Exact, outside, Sampled, Seeded } from "../../fixtures/pipelines/drift/nodes.ts"
import { clear, Count, log, ReadWords } from "../../fixtures/pipelines/mapped/nodes.ts"
import { newStore, runPipeline, storeLayer } from "./inStore.ts"

const drifting = pipeline("drifting", () => {
  Exact({ count: 4 })
  Sampled({ count: 4 })
  return Seeded({ count: 4 })
})

const verify = (of: Pipeline, options: Partial<SampleOptions> = {}) =>
  verifySample({
    pipeline: of,
    projectRoot: "/",
    selected: new Set(of.nodes.map(({ name }) => name)),
    seed: 1,
    size: (results) => results,
    ...options
  })

const inNewStore = <A, E>(
  test: (store: string) => Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>
) =>
  Effect.suspend(() => {
    const store = newStore()
    Object.assign(outside, { value: 0, fails: false })
    return Effect.provide(test(store), storeLayer(store))
  })

const objects = (store: string) => readdirSync(join(store, "objects"), { recursive: true }).toSorted()

describe("executing stored results again", () => {
  it.live("finds them equal, and what changed by column and row, judged by what the node declares", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        yield* runPipeline(drifting)
        const before = objects(store)
        const equal = yield* verify(drifting)
        expect(equal.verdicts.map(({ outcome }) => outcome)).toEqual(["equal", "equal", "equal"])
        expect(isSound(equal)).toBe(true)

        outside.value = 0.5
        const report = yield* verify(drifting)
        expect(isSound(report)).toBe(false)
        const drift = {
          rowsBefore: 4,
          rowsAfter: 4,
          columns: [{
            column: "value",
            rowsChanged: 2,
            firstRow: 2,
            path: "",
            before: 2,
            after: 2.5,
            maxAbsolute: 0.5,
            meanAbsolute: 0.5
          }]
        }
        expect(report.verdicts).toMatchObject([
          { node: "exact", outcome: "differs", isAllowed: false, drift },
          { node: "sampled", outcome: "differs", isAllowed: true, drift },
          { node: "seeded", outcome: "differs", isAllowed: false, drift }
        ])
        expect(objects(store)).toEqual(before)
        expect((yield* runPipeline(drifting)).result.executed).toBe(0)
      })
    ))

  it.live("allows a seeded node to differ under other numerics, and names them", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        yield* runPipeline(drifting)
        // As if the result had been computed with another onnxruntime.
        const database = new DatabaseSync(catalogPath(store))
        const [row] = database.prepare("SELECT key FROM actions WHERE node = 'seeded'").all()
        const key = JSON.parse(String(row?.["key"]))
        database.prepare("UPDATE actions SET checksum = NULL, key_digest = 'then', key = ? WHERE node = 'seeded'").run(
          JSON.stringify({ ...key, numerics: { ...key.numerics, onnxruntime: "1.0.0" } })
        )
        database.exec("UPDATE latest_keys SET checksum = NULL, key_digest = 'then' WHERE node = 'seeded'")
        database.close()
        outside.value = 1
        const report = yield* verify(drifting, { selected: new Set(["seeded"]) })
        expect(report.verdicts).toMatchObject([{ node: "seeded", outcome: "differs", isAllowed: true }])
        expect(report.verdicts[0]?.numerics.join()).toContain("onnxruntime 1.0.0 ->")
      })
    ))

  it.live("tells of a node that fails now, and leaves out what is not up to date", () =>
    inNewStore(() =>
      Effect.gen(function*() {
        yield* runPipeline(drifting, { select: ["exact"] })
        outside.fails = true
        const report = yield* verify(drifting)
        expect(report.verdicts).toMatchObject([{ node: "exact", outcome: "failed", isAllowed: false }])
        expect(report.verdicts[0]?.message).toContain("out of luck")
        expect(report.stale).toEqual(["sampled", "seeded"])
      })
    ))

  it.live("executes partitions of mapped nodes again", () =>
    inNewStore((store) =>
      Effect.gen(function*() {
        const path = join(store, "..", "words.txt")
        const lines = Array.from({ length: 40 }, (_, index) => `p${index >> 1} w${index}`)
        writeFileSync(path, lines.join("\n"))
        const counting = pipeline("counting", () => Count({}, { words: ReadWords({ path }) }))
        yield* runPipeline(counting)
        clear()
        const report = yield* verify(counting, { selected: new Set(["count"]), size: () => 2 })
        expect(report.results).toBeGreaterThan(2)
        expect(report.verdicts).toMatchObject([{ outcome: "equal" }, { outcome: "equal" }])
        const [first, second] = report.verdicts.map(({ position }) => position ?? -1)
        expect(first).toBeLessThan(second ?? -1)
        // Two partitions, not the whole.
        expect(log.calls).toHaveLength(2)
        expect(log.calls.flatMap(({ prompts }) => prompts).length).toBeLessThan(20)
      })
    ))

  it.effect.prop(
    "draws as many as asked, without repeating one, the same for the same seed",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })), Schema.Int],
    ([size, seed]) =>
      Effect.sync(() => {
        const items = Array.from({ length: 40 }, (_, index) => index)
        const drawn = draw(items, size, seed)
        expect(drawn).toHaveLength(Math.min(size, 40))
        expect(new Set(drawn).size).toBe(drawn.length)
        expect(draw(items, size, seed)).toEqual(drawn)
      })
  )
})
