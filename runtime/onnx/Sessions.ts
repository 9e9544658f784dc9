import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type DeviceWorker, startWorker } from "./DeviceWorker.ts"
import type { Program } from "./Model.ts"
import { threadsOf } from "./Place.ts"
import { remedyFor } from "./Remedy.ts"
import { checkRequest } from "./RunRequest.ts"
import { SessionError } from "./SessionError.ts"
import type { TensorData } from "./TensorData.ts"
import type { SessionOptions } from "./WorkerProtocol.ts"

export interface OpenOptions extends SessionOptions {
  /** `cpu`, `cuda:<n>` or `webgpu`. Nothing falls back to another device. */
  readonly device: string
  /**
   * Which worker of the device, counted from 0; default 0. Each is a thread with sessions of its own. Several make sense on
   * the CPU, whose cores they share.
   */
  readonly worker?: number
  /** How many workers share the CPU's cores (a `threads` that is given goes before). Default: those started so far. */
  readonly workers?: number
  /** The folder that the locations of the program's external data are relative to. */
  readonly weights?: string
  /**
   * Sessions of a worker that are opened with the same state share what they carry: one program computes a value, another
   * reads it, and it stays with the worker. It ends with the last of them.
   */
  readonly state?: string
}

export interface RunRequest<Output extends string> {
  /** Values by input name. Inputs that a former run carried need none. */
  readonly feeds: Readonly<Record<string, TensorData>>
  /** The outputs to return. What is neither fetched nor carried is not computed into a result. */
  readonly fetch: ReadonlyArray<Output>
  /**
   * Output name to input name: the output stays with the device's worker and is fed to that input in the next runs of
   * this session, until a run feeds or carries that input anew. Weights and optimiser moments never leave this way.
   */
  readonly carry?: Readonly<Record<string, string>>
  /** Move the buffers of the feeds to the worker rather than copy them; they are unusable afterwards. */
  readonly move?: boolean
}

/** A program loaded on a device. Runs of all sessions of a worker happen one after the other. */
export interface Session {
  readonly program: Program
  /**
   * Runs the program. When the fiber is interrupted the call returns at once; the device finishes the run it has
   * started before it takes the next, and what that run carried is kept.
   */
  readonly run: <Output extends string>(
    request: RunRequest<Output>
  ) => Effect.Effect<Readonly<Record<Output, TensorData>>, SessionError>
  /** Puts values where carried ones are: the next runs are fed them. Their buffers are moved to the worker. */
  readonly write: (values: Readonly<Record<string, TensorData>>) => Effect.Effect<void, SessionError>
  /** A copy of the value carried for an input. */
  readonly read: (input: string) => Effect.Effect<TensorData, SessionError>
}

/** Runs ONNX programs in worker threads, one or more per device, so that the calling thread stays free. */
export class Sessions extends Context.Service<Sessions, {
  /** Loads a program; closing the scope releases it. */
  readonly open: (program: Program, options: OpenOptions) => Effect.Effect<Session, SessionError, Scope.Scope>
}>()("gemflow/onnx/Sessions") {
  /** Closing the layer ends the threads. */
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function*() {
      const workers = yield* Effect.acquireRelease(
        Effect.sync(() => new Map<string, { readonly device: string; readonly thread: DeviceWorker }>()),
        (workers) => Effect.forEach(workers.values(), ({ thread }) => thread.end, { concurrency: "unbounded" })
      )
      let count = 0
      const workerOf = (device: string, number: number): DeviceWorker => {
        const name = number === 0 ? device : `${device} worker ${number}`
        const known = workers.get(name)?.thread
        if (known?.alive() === true) return known
        const thread = startWorker(name)
        workers.set(name, { device, thread })
        return thread
      }
      const started = (device: string): number =>
        [...workers.values()].filter((worker) => worker.device === device && worker.thread.alive()).length
      const open = Effect.fn("Sessions.open")(function*(program: Program, options: OpenOptions) {
        const { device, state, weights, worker: number = 0, workers: sharers, ...given } = options
        const session = count++
        const worker = workerOf(device, number)
        const sessionOptions = device === "cpu" ? { threads: threadsOf(sharers ?? started(device)), ...given } : given
        const failure = (operation: SessionError["operation"]) => (problem: string) =>
          new SessionError({ program: program.name, device, operation, problem, remedy: remedyFor(problem, device) })
        yield* Effect.acquireRelease(
          worker.ask({ ask: "open", session, model: program.model, device, weights, state, options: sessionOptions })
            .pipe(
              Effect.mapError(failure("open"))
            ),
          () => worker.ask({ ask: "close", session }).pipe(Effect.ignore)
        )
        return sessionOf(program, worker, session, failure)
      })
      return Sessions.of({ open })
    })
  )
}

const sessionOf = (
  program: Program,
  worker: DeviceWorker,
  session: number,
  failure: (operation: SessionError["operation"]) => (problem: string) => SessionError
): Session => ({
  program,
  run: Effect.fn("Session.run")(function*(request) {
    const problem = checkRequest(program, request)
    if (problem !== undefined) return yield* failure("run")(problem)
    const { feeds, transfer } = packed(request.feeds, request.move ?? false)
    const { fetch, carry = {} } = request
    const values = yield* worker.ask({ ask: "run", session, feeds, fetch, carry }, transfer).pipe(
      Effect.mapError(failure("run"))
    )
    return values
  }),
  write: Effect.fn("Session.write")(function*(given) {
    const problem = checkRequest(program, { feeds: given, fetch: [] })
    if (problem !== undefined) return yield* failure("run")(problem)
    const { feeds: values, transfer } = packed(given, true)
    yield* worker.ask({ ask: "write", session, values }, transfer).pipe(Effect.mapError(failure("run")))
  }),
  read: Effect.fn("Session.read")(function*(input) {
    const { value } = yield* worker.ask({ ask: "read", session, input }).pipe(Effect.mapError(failure("read")))
    return value ?? (yield* failure("read")(`nothing was carried for ${input}`))
  })
})

/** Buffers to hand to the worker: exactly the bytes of each value, which a view on a larger or shared buffer is not. */
const packed = (feeds: Readonly<Record<string, TensorData>>, move: boolean) => {
  const transfer: Array<ArrayBuffer> = []
  const moved = Object.entries(feeds).map(([name, value]): readonly [string, TensorData] => {
    const { buffer, byteLength } = value.data
    const whole = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && !transfer.includes(buffer)
    const data = move && whole ? value.data : value.data.slice()
    if (data.buffer instanceof ArrayBuffer) transfer.push(data.buffer)
    return [name, { ...value, data }]
  })
  return { feeds: Object.fromEntries(moved), transfer }
}
