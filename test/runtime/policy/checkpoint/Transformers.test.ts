import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openAdapter } from "../../../../runtime/policy/adapter/Adapter.ts"
import { mergedReader } from "../../../../runtime/policy/adapter/MergeAdapter.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { withDtype } from "../../../../runtime/policy/checkpoint/ConfigText.ts"
import { createCheckpoint } from "../../../../runtime/policy/checkpoint/CreateCheckpoint.ts"
import { saveWeights, writeCheckpoint } from "../../../../runtime/policy/checkpoint/SaveCheckpoint.ts"
import { bradleyTerry } from "../../../../runtime/policy/loss/Reward.ts"
import { weightedItem, weightedNll } from "../../../../runtime/policy/loss/WeightedNll.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { TrainRequest } from "../../../../runtime/policy/Policy.ts"
import { adapterNames, adapterPath, adapterReference } from "../adapterReference.ts"
import { rewardPairsOf, sequenceOf } from "../loss/lossItems.ts"
import { lossReference, rewardModelPath } from "../lossReference.ts"
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

/** What transformers reads is what we say, of each saved checkpoint. */
const expectRead = Effect.fnUntraced(function*(ours: ReadonlyArray<Effect.Success<ReturnType<typeof saved>>>) {
  const theirs = yield* readBack(ours.map(({ job }) => job))
  expect(theirs.length).toBe(ours.length)
  ours.forEach(({ architecture, chat, job, scores }, index) => {
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
})

const trainedOn = (name: string): TrainRequest => ({
  ...reference(name).training,
  objective: weightedNll,
  steps: [sequences(reference(name)).map(weightedItem)]
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
              yield* (yield* policy.train(trainedOn(name))).save(join(parent, name))
              const fresh = join(parent, `new-${name}`)
              yield* createCheckpoint({
                directory: fresh,
                config: policy.config,
                tokenizer: checkpointPath(name),
                seed: 3
              })
              return [yield* saved(name, join(parent, name)), yield* saved(name, fresh)]
            }))
          yield* expectRead(ours.flat())
        }),
      120_000
    )

    it.effect("in shards, and with adapters merged into them", () =>
      Effect.gen(function*() {
        const parent = yield* temporary
        const merged = yield* Effect.forEach(adapterNames, (name) =>
          Effect.gen(function*() {
            const base = adapterReference(name).checkpoint
            const checkpoint = yield* openCheckpoint(checkpointPath(base))
            const adapter = yield* openAdapter(adapterPath(name), checkpoint.config)
            yield* saveWeights(checkpoint, mergedReader(checkpoint.read, adapter), join(parent, name))
            return yield* saved(base, join(parent, name))
          }))
        const checkpoint = yield* openCheckpoint(checkpointPath("mistral"))
        const directory = join(parent, "shards")
        const configText = withDtype(checkpoint.configText, "float32")
        const { config, directory: companions, read } = checkpoint
        yield* writeCheckpoint({ directory, config, read, companions, configText, shardBytes: 40_000 })
        expect(existsSync(join(directory, "model.safetensors.index.json"))).toBe(true)
        yield* expectRead([...merged, yield* saved("mistral", directory)])
      }), 120_000)

    it.effect("as reward models, which give our scores", () =>
      Effect.gen(function*() {
        const parent = yield* temporary
        const messages = reference("llama3").chat[0]?.messages ?? []
        const names = [checkpointPath("mistral"), checkpointPath("qwen3"), rewardModelPath("llama3")]
        const ours = yield* Effect.forEach(names, (source, index) =>
          Effect.gen(function*() {
            const losses = lossReference("llama3")
            const directory = join(parent, `${index}`)
            const objective = bradleyTerry()
            const steps = [rewardPairsOf(losses), rewardPairsOf(losses)]
            const policy = yield* openPolicy(source, "cpu")
            const { save } = yield* policy.train({ ...losses.optimiser, warmupSteps: 0, objective, steps })
            yield* save(directory)
            const all = losses.sequences.map((_, sequence) => sequenceOf(losses, sequence))
            const trained = yield* openPolicy(directory, "cpu")
            const scores = yield* trained.rewards({ sequences: all })
            return { job: { directory, sequences: all, messages }, scores, model: trained.config.architecture }
          }))
        const theirs = yield* readBack(ours.map(({ job }) => job))
        expect(theirs.map(({ faults, model }) => [model, faults])).toEqual(ours.map(({ model }) => [model, []]))
        ours.forEach(({ scores }, index) => {
          const read = theirs[index]?.scores ?? []
          expect(largestDifference(scores, read), `${scores} and ${read}`).toBeLessThan(1e-4)
          expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(0.01)
        })
      }), 120_000)
  })
})
