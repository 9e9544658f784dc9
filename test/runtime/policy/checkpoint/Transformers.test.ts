import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { createCheckpoint } from "../../../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { python, readBack, unlessPython } from "../readBack.ts"
import { checkpointPath, families, largestDifference, reference, sequences } from "../reference.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-read-back-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A checkpoint that we saved, and what we say of it. */
const saved = Effect.fnUntraced(function*(name: string, directory: string) {
  const policy = yield* openPolicy(directory, "cpu")
  const job = { directory, sequences: sequences(reference(name)), messages: reference(name).chat[1]?.messages ?? [] }
  return {
    job,
    architecture: policy.config.architecture,
    scores: yield* policy.score(job),
    chat: yield* policy.tokenizer.encodeChat(job.messages, { addGenerationPrompt: true })
  }
})

layer(Sessions.layer, { timeout: 120_000 })("checkpoints", (it) => {
  describe.skipIf(python === undefined)(`that we save load in transformers${unlessPython}`, () => {
    it.effect(
      "trained ones and new ones of every family, with our log-probs, entropies and chat tokens",
      () =>
        Effect.gen(function*() {
          const parent = yield* temporary
          const ours = yield* Effect.forEach(families, (name) =>
            Effect.gen(function*() {
              const policy = yield* openPolicy(checkpointPath(name), "cpu")
              const { training } = reference(name)
              const { save } = yield* policy.train({
                ...training,
                objective: weightedNll,
                steps: [sequences(reference(name)).map(weightedItem)]
              })
              yield* save(join(parent, name))
              const fresh = join(parent, `new-${name}`)
              yield* createCheckpoint({
                directory: fresh,
                config: policy.config,
                tokenizer: checkpointPath(name),
                seed: 3
              })
              return [yield* saved(name, join(parent, name)), yield* saved(name, fresh)]
            }))
          const theirs = yield* readBack(ours.flat().map(({ job }) => job))
          expect(theirs.length).toBe(2 * families.length)
          ours.flat().forEach(({ architecture, chat, job, scores }, index) => {
            const read = theirs[index]
            expect([job.directory, read?.model, read?.faults]).toEqual([job.directory, architecture, []])
            expect(read?.chat).toEqual([...chat])
            expect(scores.length).toBe(job.sequences.length)
            scores.forEach(({ entropies, logProbs }, sequence) => {
              const differences = [
                largestDifference(logProbs, read?.logProbs[sequence] ?? []),
                largestDifference(entropies, read?.entropies[sequence] ?? [])
              ]
              expect(Math.max(...differences), `${job.directory}: ${differences}`).toBeLessThan(1e-4)
            })
          })
        }),
      120_000
    )
  })
})
