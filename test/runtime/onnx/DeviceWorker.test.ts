import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { startWorker } from "../../../runtime/onnx/DeviceWorker.ts"

/** A thread that runs this source, instead of the one that has onnxruntime. */
const thread = (source: string) =>
  startWorker(
    "cpu",
    new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from "node:worker_threads"; ${source}`)}`)
  )

const close = { ask: "close", session: 1 } as const

describe("a device's worker", () => {
  it.live("that dies fails what it owes, and everything after", () =>
    Effect.gen(function*() {
      const worker = thread("parentPort.on('message', () => process.exit(3))")
      const both = yield* Effect.forEach([1, 2], () => Effect.flip(worker.ask(close)), { concurrency: "unbounded" })
      expect(both).toEqual(Array(2).fill("its worker thread ended with code 3"))
      expect(worker.alive()).toBe(false)
      expect(yield* Effect.flip(worker.ask(close))).toBe("its worker thread ended with code 3")
      yield* worker.end
    }))

  it.live("that throws says what it threw", () =>
    Effect.gen(function*() {
      const worker = thread("parentPort.on('message', () => { throw new Error('no kernel') })")
      expect(yield* Effect.flip(worker.ask(close))).toBe("its worker thread failed: no kernel")
    }))

  it.live("ignores the answer to a request that was interrupted", () =>
    Effect.gen(function*() {
      const worker = thread(`
        parentPort.on("message", ({ id, request }) => {
          setTimeout(() => parentPort.postMessage({ id, values: {} }), id === 0 ? 100 : 0)
          if (request.ask === "end") setTimeout(() => parentPort.close(), 150)
        })`)
      const fiber = yield* Effect.forkChild(worker.ask(close), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      expect(yield* worker.ask(close)).toEqual({})
      yield* worker.end
      expect(worker.alive()).toBe(false)
    }))
})
