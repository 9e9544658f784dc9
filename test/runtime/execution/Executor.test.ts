import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { pipeline } from "gemflow"
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { Event } from "../../../runtime/execution/Event.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import { Busy, BusyOnDevice, occupancy } from "../../fixtures/pipelines/numbers/nodes/Busy.ts"
import { Lines } from "../../fixtures/pipelines/numbers/nodes/Lines.ts"
import { Numbers as NumbersNode } from "../../fixtures/pipelines/numbers/nodes/Numbers.ts"
import { Scale } from "../../fixtures/pipelines/numbers/nodes/Scale.ts"
import numbers from "../../fixtures/pipelines/numbers/numbers.ts"
import { Numbers } from "../../fixtures/pipelines/numbers/tables.ts"
import { newStore, runPipeline, storeLayer } from "./inStore.ts"

const inStore = <A, E>(
  effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof runPipeline>>>,
  store = newStore()
) => effect.pipe(Effect.provide(storeLayer(store)))

const reset = () => Object.assign(occupancy, { busy: [], devices: new Set(), most: 0, clash: false })

describe("execute", () => {
  it.effect("executes all, then nothing, then what a changed field reaches", () =>
    inStore(Effect.gen(function*() {
      const cold = yield* runPipeline(numbers)
      expect(cold.statuses).toEqual({
        numbers: "executed",
        scale: "executed",
        sign: "executed",
        trouble: "executed",
        total: "executed"
      })
      const warm = yield* runPipeline(numbers)
      expect(new Set(Object.values(warm.statuses))).toEqual(new Set(["cached"]))
      expect(warm.result.outputs).toEqual(cold.result.outputs)

      // `sign` runs again and gives the same, so that `trouble`, which reads it, is cut off.
      const changed = yield* runPipeline(numbers, { set: ["scale.factor=3"] })
      expect(changed.statuses).toEqual({
        numbers: "cached",
        scale: "executed",
        sign: "executed",
        trouble: "cached",
        total: "executed"
      })
      expect(changed.result).toMatchObject({ executed: 3, cached: 2, failed: 0 })

      const back = yield* runPipeline(numbers)
      expect(new Set(Object.values(back.statuses))).toEqual(new Set(["cached"]))
    })))

  it.effect("tells events that the schema of events knows, RunFinished last", () =>
    inStore(Effect.gen(function*() {
      const { events } = yield* runPipeline(numbers)
      yield* Effect.forEach(events, (event) => Schema.encodeEffect(Event)(event))
      expect(events[0]?.type).toBe("RunStarted")
      expect(events.at(-1)?.type).toBe("RunFinished")
      const scale = events.find((event) => event.type === "NodeFinished" && event.node === "scale")
      expect(scale).toMatchObject({ kind: "scale", status: "executed", rows: 4, reasons: ["never-run"] })
      const again = yield* runPipeline(numbers, { set: ["scale.factor=3"] })
      expect(again.events.find((event) => event.type === "NodeStarted" && event.node === "scale"))
        .toMatchObject({ reasons: ["config"], details: ["config: factor 2 -> 3"] })
    })))

  it.effect("executes a forced node again, and no other when it gives the same", () =>
    inStore(Effect.gen(function*() {
      yield* runPipeline(numbers)
      const { events, statuses } = yield* runPipeline(numbers, { force: ["scale"] })
      expect(statuses).toEqual({
        numbers: "cached",
        scale: "executed",
        sign: "cached",
        trouble: "cached",
        total: "cached"
      })
      expect(events.find((event) => event.type === "NodeStarted")).toMatchObject({ reasons: ["forced"] })
    })))

  it.effect("skips what depends on a node that fails, and runs the rest", () =>
    inStore(Effect.gen(function*() {
      const { result, statuses } = yield* runPipeline(numbers, { set: ["trouble.mode=failure"] })
      expect(statuses).toEqual({
        numbers: "executed",
        scale: "executed",
        sign: "executed",
        trouble: "failed",
        total: "skipped because of trouble"
      })
      expect(result).toMatchObject({ executed: 3, cached: 0, failed: 1 })
      expect(result.failures.map(({ message }) => message)).toEqual([
        "trouble failed: luck.txt:7 holds no luck. Add some."
      ])
      const catalog = yield* Catalog
      expect((yield* catalog.runs())[0]).toMatchObject({ status: "failed", executed: 3, failed: 1 })
      const repaired = yield* runPipeline(numbers)
      expect(repaired.result).toMatchObject({ executed: 2, cached: 3, failed: 0 })
    })))

  it.effect("reports a defect and a wrong row as failures of the node", () =>
    inStore(Effect.gen(function*() {
      const defect = yield* runPipeline(numbers, { set: ["trouble.mode=defect"] })
      expect(defect.result.failures[0]?.message).toContain("trouble failed: RangeError: n1 is out of range (at ")
      const wrong = yield* runPipeline(numbers, { set: ["trouble.mode=wrong-row"] })
      expect(wrong.result.failures[0]?.message).toContain(
        "trouble failed: Table Numbers, column id, row 0: expected text"
      )
    })))

  it.effect("computes again what is missing from the store or damaged", () =>
    inStore(
      Effect.gen(function*() {
        const { path } = yield* ArtifactStore
        const cold = yield* runPipeline(numbers)
        const arrowFile = (node: string) => path(cold.result.outputs.get(node) ?? "")

        rmSync(arrowFile("scale"))
        const missing = yield* runPipeline(numbers)
        expect(missing.statuses).toMatchObject({
          numbers: "cached",
          scale: "executed",
          sign: "cached",
          total: "cached"
        })
        expect(missing.events.find((event) => event.type === "NodeStarted")).toMatchObject({
          reasons: ["artifact-missing"]
        })

        truncateSync(arrowFile("total"), 100)
        const torn = yield* runPipeline(numbers)
        expect(torn.statuses).toMatchObject({ scale: "cached", total: "executed" })
        expect(torn.result.outputs).toEqual(cold.result.outputs)
      })
    ))

  it.effect("finds out on reading that an artifact was altered, and makes it again", () =>
    Effect.gen(function*() {
      const store = newStore()
      const cold = yield* inStore(runPipeline(numbers), store)
      const digest = cold.result.outputs.get("scale") ?? ""
      const file = yield* inStore(Effect.map(ArtifactStore, ({ path }) => path(digest)), store)
      // Same size, another content: no cheap check can see it.
      const bytes = readFileSync(file)
      const position = bytes.lastIndexOf(Buffer.from(new Float64Array([8]).buffer))
      expect(position).toBeGreaterThan(0)
      bytes.writeDoubleLE(9, position)
      writeFileSync(file, bytes)

      const { events, result, statuses } = yield* inStore(runPipeline(numbers, { force: ["sign"] }), store)
      expect(statuses).toMatchObject({ numbers: "cached", scale: "executed", sign: "executed", total: "cached" })
      expect(events.find((event) => event.type === "ArtifactLost")).toMatchObject({ node: "scale", digest })
      expect(result.outputs).toEqual(cold.result.outputs)
      expect(result.failed).toBe(0)
      expect(readdirSync(join(store, "quarantine")).length).toBeGreaterThan(0)
    }))

  it.effect("ends cleanly when it is interrupted, and keeps what was finished", () =>
    inStore(Effect.gen(function*() {
      const waiting = yield* Deferred.make<void>()
      const events: Array<Event> = []
      const fiber = yield* Effect.forkChild(runPipeline(numbers, {
        set: ["trouble.mode=wait"],
        onEvent: (event) => {
          events.push(event)
          if (event.type === "NodeProgress") Deferred.doneUnsafe(waiting, Effect.void)
        }
      }))
      yield* Deferred.await(waiting)
      yield* Fiber.interrupt(fiber)
      expect(events.slice(-2)).toMatchObject([
        { type: "RunInterrupted" },
        { type: "RunFinished", executed: 3, cached: 0, failed: 0 }
      ])
      const catalog = yield* Catalog
      expect((yield* catalog.runs())[0]).toMatchObject({ status: "interrupted", executed: 3 })
      const again = yield* runPipeline(numbers)
      expect(again.result).toMatchObject({ executed: 2, cached: 3 })
    })))

  it.effect("executes instances with equal keys once", () =>
    inStore(Effect.gen(function*() {
      const twice = pipeline("twice", () => {
        NumbersNode({ count: 3 }, {}, { name: "first" })
        NumbersNode({ count: 3 }, {}, { name: "second" })
      })
      const { result } = yield* runPipeline(twice)
      expect(result).toMatchObject({ executed: 1, cached: 1 })
      expect(result.outputs.get("first")).toBe(result.outputs.get("second"))
    })))

  it.effect("runs only the selected nodes", () =>
    inStore(Effect.gen(function*() {
      const { statuses } = yield* runPipeline(numbers, { select: ["numbers", "scale"] })
      expect(statuses).toEqual({ numbers: "executed", scale: "executed" })
    })))

  it.effect("gives each node on a device one of its own", () =>
    Effect.gen(function*() {
      reset()
      const many = pipeline("many", () => {
        for (let number = 0; number < 6; number++) BusyOnDevice({ number }, {}, { name: `n${number}` })
      })
      const { result } = yield* runPipeline(many).pipe(Effect.provide(storeLayer(newStore(), ["cuda:0", "cuda:1"])))
      expect(result).toMatchObject({ executed: 6, failed: 0 })
      expect(occupancy).toMatchObject({ most: 2, clash: false, devices: new Set(["cuda:0", "cuda:1"]) })
    }))

  it.effect("gives a node that needs several devices these at once, whoever else waits", () =>
    Effect.gen(function*() {
      reset()
      const many = (devices: ReadonlyArray<number>) =>
        pipeline("many", () => {
          devices.forEach((devices, number) => {
            BusyOnDevice({ number, devices }, {}, { name: `n${number}` })
          })
        })
      const onCpus = storeLayer(newStore(), ["cpu", "cpu", "cpu"])
      const { result } = yield* runPipeline(many([2, 1, 2, 3, 1, 2])).pipe(Effect.provide(onCpus))
      expect(result).toMatchObject({ executed: 6, failed: 0 })
      const workers = new Set(["cpu", "cpu worker 1", "cpu worker 2"])
      expect(occupancy).toMatchObject({ most: 3, clash: false, busy: [], devices: workers })
      // How many devices it is given is no part of its key.
      const again = yield* runPipeline(many([1, 1, 1, 1, 1, 3])).pipe(Effect.provide(onCpus))
      expect(again.result).toMatchObject({ cached: 6 })
    }))

  it.effect("refuses a node that needs more devices than there are, before anything runs", () =>
    Effect.gen(function*() {
      const demanding = pipeline("demanding", () => {
        BusyOnDevice({ number: 1 }, {}, { name: "modest" })
        BusyOnDevice({ number: 2, devices: 3 }, {}, { name: "greedy" })
      })
      const events: Array<Event> = []
      const error = yield* Effect.flip(
        runPipeline(demanding, { onEvent: (event) => events.push(event) }).pipe(
          Effect.provide(storeLayer(newStore(), ["cuda:0", "cuda:1"]))
        )
      )
      expect(error.message).toBe(
        "greedy asks for 3 devices, and this run has 2 (cuda:0, cuda:1). Name as many with --device, cpu several times for "
          + "several workers on its cores, or set greedy.devices=2."
      )
      expect(events).toEqual([])
    }))

  it.effect("runs no more nodes at once than there are jobs", () =>
    inStore(Effect.gen(function*() {
      reset()
      const many = pipeline("many", () => {
        for (let number = 0; number < 8; number++) Busy({ number }, {}, { name: `n${number}` })
      })
      const { result } = yield* runPipeline(many, { jobs: 3 })
      expect(result).toMatchObject({ executed: 8, failed: 0 })
      expect(occupancy.most).toBe(3)
    })))

  it.effect("knows an input file by its content, not by its path", () =>
    inStore(Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "gemflow-input-"))
      const file = join(folder, "a.txt")
      writeFileSync(file, "3\n5\n")
      const lines = (path: string) => pipeline("lines", () => Scale({}, { numbers: Lines({ path }) }))
      const cold = yield* runPipeline(lines(file))
      expect(cold.result).toMatchObject({ executed: 2, failed: 0 })

      renameSync(file, join(folder, "b.txt"))
      expect((yield* runPipeline(lines(join(folder, "b.txt")))).result).toMatchObject({ executed: 0, cached: 2 })

      writeFileSync(join(folder, "b.txt"), "3\n6\n")
      const edited = yield* runPipeline(lines(join(folder, "b.txt")))
      expect(edited.result).toMatchObject({ executed: 2, cached: 0 })
      expect(edited.events.find((event) => event.type === "NodeStarted")).toMatchObject({ reasons: ["file"] })

      const missing = yield* Effect.flip(runPipeline(lines(file)))
      expect(missing).toMatchObject({ _tag: "InputNotReadable", path: file, node: "lines", field: "path" })
    })))

  it.effect("does not keep what was read from a file that changed meanwhile", () =>
    inStore(Effect.gen(function*() {
      const file = join(mkdtempSync(join(tmpdir(), "gemflow-input-")), "a.txt")
      writeFileSync(file, "3\n")
      const { result } = yield* runPipeline(pipeline("lines", () => Lines({ path: file, append: "4\n" })))
      expect(result.failures[0]?.message).toContain(`${file} changed while lines was reading it`)
    })))

  it.effect("stores tables that can be read again", () =>
    inStore(Effect.gen(function*() {
      const { result } = yield* runPipeline(numbers)
      const store = yield* ArtifactStore
      const table = yield* store.get(Numbers, result.outputs.get("scale") ?? "")
      expect(table.column("value")).toEqual([2, 4, 6, 8])
    })))
})
