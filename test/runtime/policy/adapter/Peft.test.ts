import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { linearModules } from "../../../../runtime/policy/adapter/AdapterConfig.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import { python, readBack, unlessPython } from "../readBack.ts"
import { checkpointPath, largestDifference, reference, sequences } from "../reference.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-peft-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Two steps on the base's sequences, without rounding noise blown up to whole steps. */
const request = (base: string): TrainRequest => {
  const items = sequences(reference(base)).map(weightedItem)
  return { ...reference(base).training, warmupSteps: 0, objective: weightedNll, steps: [items, items] }
}

/** An adapter that we saved, and what we say of it. */
const saved = Effect.fnUntraced(function*(base: string, adapter: string) {
  const policy = yield* openPolicy(checkpointPath(base), "cpu", { adapter })
  const messages = reference(base).chat[1]?.messages ?? []
  const job = { directory: checkpointPath(base), adapter, sequences: sequences(reference(base)), messages }
  return { job, scores: yield* policy.score(job) }
})

layer(Sessions.layer, { timeout: 120_000 })("adapters", (it) => {
  describe.skipIf(python === undefined)(`that we save load in PEFT${unlessPython}`, () => {
    it.effect(
      "trained further, new in some layers of some blocks, and scaled by the root of their rank",
      () =>
        Effect.gen(function*() {
          const parent = yield* temporary
          const further = yield* Effect.forEach(adapterNames, (name) =>
            Effect.gen(function*() {
              const base = adapterReference(name).checkpoint
              const policy = yield* openPolicy(checkpointPath(base), "cpu", { adapter: adapterPath(name) })
              yield* (yield* policy.train(request(base))).save(join(parent, name))
              return yield* saved(base, join(parent, name))
            }))
          const base = "mistral"
          const policy = yield* openPolicy(checkpointPath(base), "cpu")
          const all = linearModules(policy.config)
          const fresh = yield* Effect.forEach([all, all.filter((_, index) => index % 3 === 1)], (modules, index) =>
            Effect.gen(function*() {
              const adapter = { rank: 3, alpha: 5, rankStabilised: index === 1, dropout: 0.1, modules }
              const { save } = yield* policy.train({ ...request(base), adapter })
              yield* save(join(parent, `new-${index}`))
              return yield* saved(base, join(parent, `new-${index}`))
            }))
          const ours = [...further, ...fresh]
          const theirs = yield* readBack(ours.map(({ job }) =>
            job
          ))
          expect(theirs.map(({ faults, model }) => [model, faults])).toEqual(
            ours.map(() => ["PeftModelForCausalLM", []])
          )
          ours.forEach(({ job, scores }, index) => {
            scores.forEach(({ entropies, logProbs }, sequence) => {
              const read = theirs[index]
              const differences = [
                largestDifference(logProbs, read?.logProbs[sequence] ?? []),
                largestDifference(entropies, read?.entropies[sequence] ?? [])
              ]
              expect(Math.max(...differences), `${job.adapter}: ${differences}`).toBeLessThan(1e-4)
            })
          })
        }),
      120_000
    )
  })
})
