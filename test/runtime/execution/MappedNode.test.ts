import { beforeEach, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { pipeline } from "gemflow"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import type { Event } from "../../../runtime/execution/Event.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import {
  clear,
  Counts,
  log,
  ReadWords,
  ShoutOnDevice,
  ShoutWhole,
  Words
} from "../../fixtures/pipelines/mapped/nodes.ts"
import { wordsPipeline } from "../../fixtures/pipelines/mapped/wordsPipeline.ts"
import { newStore, runPipeline, storeLayer } from "./inStore.ts"

const inStore = <A, E>(
  effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>,
  store = newStore()
) => effect.pipe(Effect.provide(storeLayer(store)))

const folder = mkdtempSync(join(tmpdir(), "gemflow-mapped-"))
const path = join(folder, "words.txt")
const suffixes = join(folder, "suffixes.txt")
const prompts = (count: number) => Array.from({ length: count }, (_, index) => `prompt-${index}`)
const lines = (prompts: ReadonlyArray<string>) => prompts.flatMap((prompt) => [`${prompt} one`, `${prompt} two`])
const write = (lines: ReadonlyArray<string>) => writeFileSync(path, lines.join("\n"))

const words = wordsPipeline({ words: path, suffixes })

const asked = (node: string) => log.calls.filter((call) => call.node === node).flatMap(({ prompts }) => prompts)
const partitions = (events: ReadonlyArray<Event>, node: string) =>
  events.flatMap((event) => event.type === "PartitionFinished" && event.node === node ? [event] : [])

beforeEach(() => {
  clear()
  writeFileSync(suffixes, "x ?")
  write(lines(prompts(20)))
})

describe("a mapped node", () => {
  it.effect("gives what it gives of the whole, a partition at a time", () =>
    inStore(Effect.gen(function*() {
      const whole = pipeline("whole", () =>
        ShoutWhole({}, {
          words: ReadWords({ path }, {}, { name: "words" }),
          suffixes: ReadWords({ path: suffixes }, {}, { name: "suffixes" })
        }))
      const { events, result, statuses } = yield* runPipeline(words)
      expect(statuses).toEqual({ words: "executed", suffixes: "executed", shout: "executed", count: "executed" })
      expect(asked("shout").toSorted()).toEqual(prompts(20).toSorted())
      const shouted = partitions(events, "shout")
      expect(shouted.length).toBeGreaterThan(4)
      expect(shouted.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual(
        shouted.map((_, index) => index)
      )
      expect(new Set(shouted.map(({ of }) => of))).toEqual(new Set([shouted.length]))
      expect(log.opened).toBe(1)
      const other = yield* runPipeline(whole)
      expect(result.outputs.get("shout")).toBe(other.result.outputs.get("shout-whole"))
      const store = yield* ArtifactStore
      const counts = yield* store.get(Counts, result.outputs.get("count") ?? "")
      expect(counts.rows()).toEqual(prompts(20).map((prompt_id) => ({ prompt_id, words: 2 })))
    })))

  it.effect("computes only the rows that were added, nothing for those removed, and nothing twice", () =>
    inStore(Effect.gen(function*() {
      yield* runPipeline(words)
      clear()
      expect((yield* runPipeline(words)).result).toMatchObject({ executed: 0, cached: 4 })

      write(lines([...prompts(20), "added"]))
      const { events, statuses } = yield* runPipeline(words)
      expect(statuses).toMatchObject({ shout: "executed", count: "executed" })
      expect(asked("shout")).toContain("added")
      expect(asked("shout").length).toBeLessThan(6)
      expect(asked("count").length).toBeLessThan(8)
      expect(new Set(partitions(events, "shout").map(({ status }) => status))).toEqual(new Set(["cached", "executed"]))

      // Back to rows that were there before: not even their concatenation is made again.
      clear()
      write(lines(prompts(20)))
      expect((yield* runPipeline(words)).result).toMatchObject({ executed: 0, cached: 4 })

      write(lines(prompts(20).slice(3)))
      const removed = yield* runPipeline(words)
      expect(removed.result.outputs.get("shout")).not.toBe(undefined)
      expect(asked("shout").length).toBeLessThan(4)
    })))

  it.effect("computes everything when another input, the config or --force says so", () =>
    inStore(Effect.gen(function*() {
      yield* runPipeline(words)
      for (const options of [{ set: ["shout.mark=."] }, { force: ["shout"] }]) {
        clear()
        yield* runPipeline(words, options)
        expect(asked("shout").toSorted()).toEqual(prompts(20).toSorted())
      }
      clear()
      writeFileSync(suffixes, "x ;")
      yield* runPipeline(words)
      expect(asked("shout").toSorted()).toEqual(prompts(20).toSorted())
      // The words differ, their number does not: nothing that `count` reads has changed.
      expect(asked("count")).toEqual([])
    })))

  it.effect("hands its partitions on while it is still computing", () =>
    inStore(Effect.gen(function*() {
      const { statuses } = yield* runPipeline(words, { jobs: 1 })
      expect(statuses).toMatchObject({ count: "executed" })
      const order = log.calls.map(({ node }) => node)
      expect(order.indexOf("count")).toBeLessThan(order.lastIndexOf("shout"))
      expect(asked("count").toSorted()).toEqual(prompts(20).toSorted())
    })))

  it.effect("keeps the partitions that are done when one fails, and computes the rest later", () =>
    inStore(Effect.gen(function*() {
      write([...lines(prompts(18)), "prompt-18 oops", ...lines(["prompt-19"])])
      log.bad.add("oops")
      const failing = yield* runPipeline(words, { jobs: 1 })
      expect(failing.statuses).toMatchObject({ shout: "failed", count: "skipped because of shout" })
      expect(failing.result.failures.map(({ message }) => message)).toEqual([`shout failed: "oops" is a bad word`])
      clear()
      const { statuses } = yield* runPipeline(words, { jobs: 1 })
      expect(statuses).toMatchObject({ shout: "executed", count: "executed" })
      expect(asked("shout")).toContain("prompt-18")
      expect(asked("shout").length).toBeLessThan(6)
    })))

  it.effect("computes a partition again whose artifact was lost", () => {
    const store = newStore()
    return inStore(
      Effect.gen(function*() {
        const catalog = yield* Catalog
        const { events } = yield* runPipeline(words)
        const finished = events.find((event) => event.type === "NodeFinished" && event.node === "shout")
        const key = finished?.type === "NodeFinished" ? finished.key ?? "" : ""
        const parts = yield* catalog.partitions(key)
        expect(parts.length).toBe(partitions(events, "shout").length)
        rmSync(join(store, "objects", parts[1]!.output.slice(0, 2), parts[1]!.output), { recursive: true })
        clear()
        write(lines([...prompts(20), "added"]))
        yield* runPipeline(words)
        const lost = yield* (yield* ArtifactStore).get(Words, parts[1]!.output)
        for (const prompt of new Set(lost.column("prompt_id"))) expect(asked("shout")).toContain(prompt)
        expect(asked("shout")).toContain("added")
        expect(asked("shout").length).toBeLessThan(10)
      }),
      store
    )
  })

  it.effect("of an empty table makes an empty table", () =>
    inStore(Effect.gen(function*() {
      write([])
      const { result, statuses } = yield* runPipeline(words)
      expect(statuses).toMatchObject({ shout: "cached", count: "cached" })
      const store = yield* ArtifactStore
      expect((yield* store.get(Counts, result.outputs.get("count") ?? "")).numRows).toBe(0)
      expect(log.calls).toEqual([])
    })))

  it.effect("on a device opens what it needs once, and keeps its lease over all partitions", () => {
    const store = newStore()
    return Effect.gen(function*() {
      const onDevice = pipeline(
        "device",
        () => ShoutOnDevice({}, { words: ReadWords({ path }, {}, { name: "words" }) })
      )
      const { events } = yield* runPipeline(onDevice)
      expect(partitions(events, "shout-on-device").length).toBeGreaterThan(4)
      expect(log.opened).toBe(1)
      expect(log.devices.size).toBe(1)
    }).pipe(Effect.provide(storeLayer(store, ["cpu", "cpu"])))
  })

  it.effect("whose upstream was computed again with the same rows computes nothing", () =>
    inStore(Effect.gen(function*() {
      yield* runPipeline(words)
      clear()
      const { statuses } = yield* runPipeline(words, { force: ["shout"] })
      expect(statuses).toMatchObject({ shout: "executed", count: "cached" })
      expect(asked("count")).toEqual([])
    })))
})
