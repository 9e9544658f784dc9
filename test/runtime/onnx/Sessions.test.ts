import { expect, it, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { graph, input, output } from "../../../runtime/onnx/Graph.ts"
import { type Program, serialise } from "../../../runtime/onnx/Model.ts"
import { add, mul } from "../../../runtime/onnx/ops/Arithmetic.ts"
import { loop } from "../../../runtime/onnx/ops/Control.ts"
import { matMul } from "../../../runtime/onnx/ops/MatMul.ts"
import { reduceSum } from "../../../runtime/onnx/ops/Reduce.ts"
import { SessionError } from "../../../runtime/onnx/SessionError.ts"
import { Sessions } from "../../../runtime/onnx/Sessions.ts"
import { float32, int64, toNumbers } from "../../../runtime/onnx/TensorData.ts"

/** next = w + x, total = sum(w x) */
const accumulator = (): Program => {
  const program = graph("accumulator")
  const w = input(program, "w", "float32", ["n"])
  const x = input(program, "x", "float32", ["n"])
  output("next", add(w, x))
  output("total", reduceSum(mul(w, x)))
  return serialise(program)
}

/** twice = 2 w */
const doubler = (): Program => {
  const program = graph("doubler")
  const w = input(program, "w", "float32", ["n"])
  output("twice", mul(w, 2))
  return serialise(program)
}

/** Multiplies a matrix by itself as often as asked: a run that takes as long as one likes. */
const busy = (): Program => {
  const program = graph("busy")
  const trips = input(program, "trips", "int64", [])
  const x = input(program, "x", "float32", ["n", "n"])
  output("y", loop({ trips, state: { x }, body: (_, state) => ({ state: { x: matMul(state.x, x) } }) }).state.x)
  return serialise(program)
}

const ones = float32([2], [1, 1])
const cpu = { device: "cpu", threads: 1 }

layer(Sessions.layer)("sessions", (it) => {
  it.effect("carry outputs to inputs of later runs, and read them on request", () =>
    Effect.gen(function*() {
      const session = yield* (yield* Sessions).open(accumulator(), cpu)
      const first = yield* session.run({
        feeds: { w: float32([2], [1, 2]), x: ones },
        fetch: ["total"],
        carry: { next: "w" }
      })
      const second = yield* session.run({ feeds: { x: ones }, fetch: ["total"], carry: { next: "w" } })
      const third = yield* session.run({ feeds: { x: ones }, fetch: ["total", "next"], carry: { next: "w" } })
      expect([first, second, third].map(({ total }) => toNumbers(total)[0])).toEqual([3, 5, 7])
      expect(toNumbers(third.next)).toEqual([4, 5])
      expect(toNumbers(yield* session.read("w"))).toEqual([4, 5])
      expect(toNumbers(yield* session.read("w"))).toEqual([4, 5])
      const anew = yield* session.run({
        feeds: { w: float32([2], [0, 1]), x: ones },
        fetch: ["total"],
        carry: { next: "w" }
      })
      expect(toNumbers(anew.total)).toEqual([1])
      expect(toNumbers(yield* session.read("w"))).toEqual([1, 2])
    }).pipe(Effect.scoped))

  it.effect("on another worker of the device run beside, and share no state", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const first = yield* sessions.open(busy(), { ...cpu, state: "one name" })
      const second = yield* sessions.open(doubler(), { device: "cpu", worker: 1, state: "one name" })
      const third = yield* sessions.open(doubler(), { ...cpu, state: "one name" })
      yield* third.write({ w: float32([2], [1, 1]) })
      expect(yield* second.read("w").pipe(Effect.flip)).toMatchObject({ operation: "read", device: "cpu" })
      const ended: Array<string> = []
      const feeds = { trips: int64([], [3000]), x: float32([128, 128], new Float32Array(128 * 128)) }
      yield* Effect.all([
        first.run({ feeds, fetch: ["y"] }).pipe(Effect.tap(() => Effect.sync(() => ended.push("long")))),
        second.run({ feeds: { w: ones }, fetch: ["twice"] }).pipe(
          Effect.tap(() => Effect.sync(() => ended.push("short")))
        )
      ], { concurrency: "unbounded" })
      expect(ended).toEqual(["short", "long"])
    }).pipe(Effect.scoped))

  it.effect("share what they carry when they are opened with the same state, and only then", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const first = yield* sessions.open(accumulator(), { ...cpu, state: "shared" })
      const second = yield* sessions.open(doubler(), { ...cpu, state: "shared" })
      const other = yield* sessions.open(doubler(), { ...cpu, state: "other" })
      const alone = yield* sessions.open(doubler(), cpu)
      yield* first.run({ feeds: { w: float32([2], [1, 2]), x: ones }, fetch: [], carry: { next: "w" } })
      yield* second.run({ feeds: {}, fetch: [], carry: { twice: "w" } })
      expect(toNumbers(yield* first.read("w"))).toEqual([4, 6])
      expect(toNumbers((yield* first.run({ feeds: { x: ones }, fetch: ["total"] })).total)).toEqual([10])
      for (const session of [other, alone]) {
        expect((yield* Effect.flip(session.read("w"))).message).toContain("there is no value for w")
      }
    }).pipe(Effect.scoped))

  it.effect("keep a shared state until the last of them is closed", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const open = sessions.open(doubler(), { ...cpu, state: "kept" })
      yield* Effect.gen(function*() {
        const survivor = yield* open
        yield* Effect.scoped(Effect.flatMap(open, (session) => session.write({ w: float32([1], [3]) })))
        const { twice } = yield* survivor.run({ feeds: {}, fetch: ["twice"] })
        expect(toNumbers(twice)).toEqual([6])
      }).pipe(Effect.scoped)
      const anew = yield* open
      expect((yield* Effect.flip(anew.read("w"))).message).toContain("there is no value for w")
    }).pipe(Effect.scoped))

  it.effect("are fed what was written, in place of what was carried, and take its buffers", () =>
    Effect.gen(function*() {
      const session = yield* (yield* Sessions).open(accumulator(), cpu)
      yield* session.run({ feeds: { w: float32([2], [1, 2]), x: ones }, fetch: [], carry: { next: "w" } })
      const written = float32([2], [10, 20])
      yield* session.write({ w: written })
      expect(written.data.byteLength).toBe(0)
      expect(toNumbers(yield* session.read("w"))).toEqual([10, 20])
      const { total } = yield* session.run({ feeds: { x: ones }, fetch: ["total"], carry: { next: "w" } })
      expect(toNumbers(total)).toEqual([30])
      expect(toNumbers(yield* session.read("w"))).toEqual([11, 21])
      const strange = yield* Effect.flip(session.write({ v: float32([1], [1]) }))
      expect(strange.message).toContain("there is no input v; its inputs are w, x")
      const wrong = yield* Effect.flip(session.write({ w: int64([2], [1, 2]) }))
      expect(wrong.message).toContain("the input w: float32[n] was given int64[2]")
      expect(toNumbers(yield* session.read("w"))).toEqual([11, 21])
    }).pipe(Effect.scoped))

  it.effect("keep what is fed to one apart from what is fed to another", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const program = accumulator()
      const open = Effect.forEach([1, 2, 3], () => sessions.open(program, cpu))
      const opened = yield* open
      yield* Effect.forEach(opened, (session, index) =>
        session.run({
          feeds: { w: float32([1], [index * 10]), x: float32([1], [1]) },
          fetch: [],
          carry: { next: "w" }
        }), { concurrency: "unbounded" })
      const values = yield* Effect.forEach(opened, (session) => session.read("w"), { concurrency: "unbounded" })
      expect(values.map((value) => toNumbers(value)[0])).toEqual([1, 11, 21])
    }).pipe(Effect.scoped))

  it.effect("copy feeds, also views on larger or shared buffers, unless told to move them", () =>
    Effect.gen(function*() {
      const session = yield* (yield* Sessions).open(accumulator(), cpu)
      const large = Float32Array.from([9, 1, 2, 9])
      const view = { dtype: "float32", dims: [2], data: large.subarray(1, 3) } as const
      const shared = { dtype: "float32", dims: [2], data: new Float32Array(new SharedArrayBuffer(8)).fill(3) } as const
      const { total } = yield* session.run({ feeds: { w: view, x: shared }, fetch: ["total"] })
      expect(toNumbers(total)).toEqual([9])
      expect(large.length).toBe(4)
      const whole = float32([2], [1, 2])
      yield* session.run({ feeds: { w: whole, x: float32([2], [1, 1]) }, fetch: ["total"], move: true })
      expect(whole.data.byteLength).toBe(0)
    }).pipe(Effect.scoped))

  it.effect("leave this thread free, and return at once when interrupted", () =>
    Effect.gen(function*() {
      const session = yield* (yield* Sessions).open(busy(), cpu)
      const x = float32([128, 128], new Float32Array(128 * 128))
      const long = session.run({ feeds: { trips: int64([], [1500]), x }, fetch: ["y"] })
      const started = performance.now()
      yield* long
      const whole = performance.now() - started
      const fiber = yield* Effect.forkChild(long, { startImmediately: true })
      const interrupted = performance.now()
      yield* Fiber.interrupt(fiber)
      expect(performance.now() - interrupted).toBeLessThan(whole / 2)
      // The session is as good as before, once the device is free.
      const { y } = yield* session.run({ feeds: { trips: int64([], [0]), x: float32([1, 1], [4]) }, fetch: ["y"] })
      expect(toNumbers(y)).toEqual([4])
    }).pipe(Effect.scoped))

  it.effect("say what is wrong with a request before anything runs", () =>
    Effect.gen(function*() {
      const session = yield* (yield* Sessions).open(accumulator(), cpu)
      const problem = (request: Parameters<typeof session.run>[0]) =>
        Effect.flip(session.run(request)).pipe(Effect.map((error) => error.message))
      const fetch = ["total"]
      expect(yield* problem({ feeds: { w: ones, y: ones }, fetch })).toBe(
        "cannot run the program accumulator on cpu: there is no input y; its inputs are w, x. Correct the request"
      )
      expect(yield* problem({ feeds: { w: int64([2], [1, 2]), x: ones }, fetch })).toContain(
        "the input w: float32[n] was given int64[2]"
      )
      expect(yield* problem({ feeds: { w: float32([3], [1, 2, 3]), x: ones }, fetch })).toContain(
        "n is 3 in w but 2 in x"
      )
      expect(yield* problem({ feeds: { w: { ...ones, dims: [3] }, x: ones }, fetch })).toContain(
        "the value for w says float32[3] but holds 2 elements"
      )
      expect(yield* problem({ feeds: { w: ones, x: ones }, fetch: ["loss"] })).toContain(
        "there is no output loss; its outputs are next, total"
      )
      expect(yield* problem({ feeds: { w: ones, x: ones }, fetch, carry: { total: "w" } })).toContain(
        "the output total: float32[] cannot be carried to the input w: float32[n]"
      )
      expect(yield* problem({ feeds: { w: ones, x: ones }, fetch, carry: { next: "v" } })).toContain(
        "next is carried to v, which is not an input"
      )
      expect(yield* problem({ feeds: { x: ones }, fetch })).toContain(
        "no value was given or carried for the inputs w. Feed them, or carry them from an earlier run"
      )
      expect((yield* Effect.flip(session.read("w"))).message).toContain(
        "cannot read the program accumulator on cpu: there is no value for w"
      )
    }).pipe(Effect.scoped))

  it.effect("refuse a device this machine lacks, with what to install", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const tpu = yield* Effect.flip(sessions.open(accumulator(), { device: "tpu:0" }))
      expect(tpu).toBeInstanceOf(SessionError)
      expect(tpu.message).toContain("Devices are cpu, cuda:<n> and webgpu")
    }).pipe(Effect.scoped))

  it.effect("refuse to run once closed", () =>
    Effect.gen(function*() {
      const sessions = yield* Sessions
      const session = yield* sessions.open(accumulator(), cpu).pipe(Effect.scoped)
      const error = yield* Effect.flip(session.run({ feeds: { w: ones, x: ones }, fetch: ["total"] }))
      expect(error.problem).toBe("the session is closed")
    }))

  it.effect("report a model that onnxruntime refuses", () =>
    Effect.gen(function*() {
      const broken = { ...accumulator(), model: Uint8Array.from([8, 10, 58, 200]) }
      const error = yield* Effect.flip((yield* Sessions).open(broken, cpu))
      expect(error.message).toMatch(
        /^cannot open the program accumulator on cpu: .*\. This is a fault of the program or of a value fed to it$/
      )
    }).pipe(Effect.scoped))
})

it.live("a process that closed its sessions ends by itself", () =>
  Effect.gen(function*() {
    const script = `
      import { Effect } from "effect"
      import { graph, input, output } from "./runtime/onnx/Graph.ts"
      import { serialise } from "./runtime/onnx/Model.ts"
      import { Sessions } from "./runtime/onnx/Sessions.ts"
      import { float32 } from "./runtime/onnx/TensorData.ts"
      const program = graph("small")
      const x = input(program, "x", "float32", [1])
      output("y", x)
      const work = Effect.gen(function*() {
        const session = yield* (yield* Sessions).open(serialise(program), { device: "cpu" })
        const { y } = yield* session.run({ feeds: { x: float32([1], [7]) }, fetch: ["y"] })
        console.log(y.data[0])
      })
      await Effect.runPromise(work.pipe(Effect.scoped, Effect.provide(Sessions.layer)))
    `
    const { stderr, stdout } = yield* Effect.promise(() =>
      promisify(execFile)(process.execPath, ["--input-type=module-typescript", "--eval", script], {
        timeout: 30_000,
        cwd: fileURLToPath(new URL("../../..", import.meta.url))
      })
    )
    expect(stdout).toBe("7\n")
    expect(stderr).toBe("")
  }))
