import * as Effect from "effect/Effect"
import { Worker } from "node:worker_threads"
import type { TensorData } from "./TensorData.ts"
import type { Numbered, Reply, Request } from "./WorkerProtocol.ts"

type Values = Readonly<Record<string, TensorData>>

/** A thread that computes on one device, and the requests it has not answered yet. */
export interface DeviceWorker {
  /** Fails with the problem in words: onnxruntime's, or that the thread has ended. */
  readonly ask: (request: Request, transfer?: ReadonlyArray<ArrayBuffer>) => Effect.Effect<Values, string>
  readonly alive: () => boolean
  /** Lets the running request finish, closes the sessions and ends the thread. */
  readonly end: Effect.Effect<void>
}

// A URL in a string is not rewritten by the build: the worker has the extension this file has.
const script = new URL(import.meta.url.endsWith(".ts") ? "./SessionWorker.ts" : "./SessionWorker.js", import.meta.url)

/** Starts a thread. It keeps the process alive only while it owes an answer. */
export const startWorker = (device: string, run: URL = script): DeviceWorker => {
  // Flags of the process (--eval, --input-type) are not meant for it.
  const worker = new Worker(run, { name: `gemflow ${device}`, execArgv: [] })
  const waiting = new Map<number, (answer: Effect.Effect<Values, string>) => void>()
  let count = 0
  let ended: string | undefined

  const settle = (id: number, answer: Effect.Effect<Values, string>): void => {
    waiting.get(id)?.(answer)
    waiting.delete(id)
    if (waiting.size === 0) worker.unref()
  }
  const failAll = (problem: string): void => {
    ended ??= problem
    for (const id of waiting.keys()) settle(id, Effect.fail(ended))
  }
  worker.unref()
  worker.on(
    "message",
    (reply: Reply) => settle(reply.id, "values" in reply ? Effect.succeed(reply.values) : Effect.fail(reply.problem))
  )
  worker.on("error", (error) => failAll(`its worker thread failed: ${error instanceof Error ? error.message : error}`))
  worker.on("exit", (code) => failAll(`its worker thread ended with code ${code}`))

  const ask: DeviceWorker["ask"] = (request, transfer = []) =>
    Effect.callback((resume) => {
      if (ended !== undefined) return resume(Effect.fail(ended))
      const message: Numbered = { id: count++, request }
      waiting.set(message.id, resume)
      worker.ref()
      worker.postMessage(message, [...transfer])
      // Interrupted: the thread finishes what it has started, and nobody waits for its answer.
      return Effect.sync(() => settle(message.id, Effect.fail("interrupted")))
    })

  const exited = Effect.callback<void>((resume) => {
    if (ended !== undefined) return resume(Effect.void)
    worker.ref()
    worker.once("exit", () => resume(Effect.void))
  })
  return {
    ask,
    alive: () => ended === undefined,
    end: ask({ ask: "end" }).pipe(Effect.ignore, Effect.andThen(exited))
  }
}
