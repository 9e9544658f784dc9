import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { continueFrom, stopAfter } from "./stopped.ts"
import { checkpoint, mixed, step, temporary, trainAnew } from "./trainingRequests.ts"

/** A process of its own that trains `mixed`, killed when it has taken its third step; the signal that ended it. */
const killedTraining = (directory: string): Promise<string | null> => {
  const script = `
    import { Effect } from "effect"
    import { Sessions } from "./runtime/onnx/Sessions.ts"
    import { openPolicy } from "./runtime/policy/OpenPolicy.ts"
    import { checkpoint, mixed, TOKENS } from "./test/runtime/policy/train/trainingRequests.ts"
    const work = Effect.gen(function*() {
      const policy = yield* openPolicy(checkpoint, "cpu", { tokens: TOKENS })
      yield* policy.train({
        ...mixed,
        resume: { directory: ${JSON.stringify(directory)}, everySteps: 1 },
        onStep: ({ step }) => Effect.sync(() => console.log(step))
      })
    })
    await Effect.runPromise(work.pipe(Effect.scoped, Effect.provide(Sessions.layer)))
  `
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
    cwd: fileURLToPath(new URL("../../../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"]
  })
  return new Promise((resolve) => {
    child.stdout.on("data", (lines) => {
      if (String(lines).includes("3")) child.kill("SIGKILL")
    })
    child.on("exit", (_, signal) => resolve(signal))
  })
}

layer(Sessions.layer)("a training that stops and resumes", (it) => {
  const whole = Effect.runSync(Effect.cached(trainAnew(mixed)))

  it.effect("after any step has the weights of one that did not stop, bit for bit", () =>
    Effect.gen(function*() {
      const { bytes, steps } = yield* whole
      expect(steps.length).toBe(6)
      const directory = yield* temporary
      for (let last = 1; last < 6; last++) {
        yield* stopAfter(mixed, directory, last)
        expect(readdirSync(directory)).toEqual([`0000000${last}`])
      }
      const resumed = yield* continueFrom(mixed, directory)
      expect(resumed.first).toBe(6)
      expect(resumed.steps).toEqual(steps)
      expect(resumed.bytes.equals(bytes)).toBe(true)
      const again = yield* continueFrom(mixed, directory)
      expect(again.first).toBe(undefined)
      expect(again.steps).toEqual(steps)
      expect(again.bytes.equals(bytes)).toBe(true)
    }))

  it.effect("also when its process was killed while it wrote", () =>
    Effect.gen(function*() {
      const { bytes, steps } = yield* whole
      const directory = yield* temporary
      expect(yield* Effect.promise(() => killedTraining(directory))).toBe("SIGKILL")
      const resumed = yield* continueFrom(mixed, directory)
      expect(resumed.first).toBeGreaterThanOrEqual(3)
      expect(resumed.steps).toEqual(steps)
      expect(resumed.bytes.equals(bytes)).toBe(true)
      expect(readdirSync(directory)).toEqual(["00000006"])
    }))

  it.effect("of an adapter with dropout has the same bits too", () =>
    Effect.gen(function*() {
      const { config } = yield* openPolicy(checkpoint, "cpu")
      const modules = linearModules(config, ["q_proj"])
      const adapter = { rank: 2, alpha: 4, rankStabilised: false, dropout: 0.2, modules }
      const request = { ...mixed, steps: mixed.steps.slice(1, 4), adapter, seed: 7 }
      const options = { file: "adapter_model.safetensors" }
      const { bytes, steps } = yield* trainAnew(request, options)
      const directory = yield* temporary
      yield* stopAfter(request, directory, 1)
      const resumed = yield* continueFrom(request, directory, options)
      expect(resumed.first).toBe(2)
      expect(resumed.steps).toEqual(steps)
      expect(resumed.bytes.equals(bytes)).toBe(true)
    }))

  it.effect("steps in one Loop give the bits of one run for each", () =>
    Effect.gen(function*() {
      const request = { ...mixed, steps: Array.from({ length: 5 }, () => step(0)) }
      const grouped = yield* trainAnew(request)
      const single = yield* trainAnew({ ...request, resume: { directory: yield* temporary, everySteps: 1 } })
      expect(single.steps).toEqual(grouped.steps)
      expect(single.bytes.equals(grouped.bytes)).toBe(true)
    }))
})
