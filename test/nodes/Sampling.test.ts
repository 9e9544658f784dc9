import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Candidates, Policy } from "gemflow/artifacts"
import { Checkpoint, Sample } from "gemflow/nodes"
import { fileURLToPath } from "node:url"
import { samplingOf } from "../../nodes/policy/SamplingOf.ts"
import { runNode, services, temporaryDirectory } from "./runNode.ts"
import { messageOf, pairsTable } from "./tables.ts"

const checkpoint = fileURLToPath(new URL("../fixtures/policy/tied-bf16", import.meta.url))

const inTemporaryStore = Layer.unwrap(Effect.map(temporaryDirectory, services))

const stated = {
  generation: { temperature: 0.6, topK: 20, topP: 0.95, maxNewTokens: 64, eosIds: [1], unapplied: [] }
}
const silent = { generation: { eosIds: [1], unapplied: [] } }
const fromPolicy = "generation_config"

describe("samplingOf", () => {
  it.effect("numbers stand as they are; a field that points to the policy's file takes what it says", () =>
    Effect.gen(function*() {
      const numbers = { temperature: 0.9, top_p: 0.5, max_new_tokens: 10 }
      expect(yield* samplingOf(stated, numbers)).toEqual({ temperature: 0.9, topP: 0.5, maxNewTokens: 10 })
      expect(yield* samplingOf(stated, { ...numbers, top_k: 3 })).toMatchObject({ topK: 3 })
      expect(
        yield* samplingOf(stated, {
          temperature: fromPolicy,
          top_p: fromPolicy,
          top_k: fromPolicy,
          max_new_tokens: fromPolicy
        })
      ).toEqual({ temperature: 0.6, topP: 0.95, topK: 20, maxNewTokens: 64 })
      expect(yield* samplingOf(stated, { ...numbers, top_k: fromPolicy })).toMatchObject({ temperature: 0.9, topK: 20 })
    }))

  it.effect("what the file leaves out changes nothing, but a response must have a limit", () =>
    Effect.gen(function*() {
      const open = { temperature: fromPolicy, top_p: fromPolicy, top_k: fromPolicy } as const
      expect(yield* samplingOf(silent, { ...open, max_new_tokens: 5 })).toEqual({
        temperature: 1,
        topP: 1,
        maxNewTokens: 5
      })
      const error = yield* Effect.flip(samplingOf(silent, { ...open, max_new_tokens: fromPolicy }))
      expect(error.message).toBe(
        "max_new_tokens is \"generation_config\", and the policy's generation_config.json does not state it; give a number."
      )
    }))
})

layer(inTemporaryStore)("sample", (it) => {
  it.effect("draws among the top_k likeliest tokens: one of them is the likeliest", () =>
    Effect.gen(function*() {
      const policy = yield* runNode(Checkpoint, Policy, { path: checkpoint })
      const pairs = yield* pairsTable([
        { prompt_id: "a", prompt: [{ role: "user", content: "1+1" }], chosen: "2", rejected: "3" }
      ])
      const tokens = (config: object) =>
        Effect.map(
          runNode(Sample, Candidates, { candidates: 3, max_new_tokens: 8, ...config }, { policy, pairs }),
          (table) => table.rows().map((row) => [...row.tokens])
        )
      const greedy = yield* tokens({ temperature: 0 })
      expect(yield* tokens({ temperature: 1, top_k: 1 })).toEqual(greedy)
      expect(yield* tokens({ temperature: 1 })).not.toEqual(greedy)
      // This policy's file states neither, so all tokens are drawn from, at temperature 1.
      expect(yield* tokens({ temperature: fromPolicy, top_k: fromPolicy })).toEqual(yield* tokens({ temperature: 1 }))
      expect(yield* messageOf(tokens({ top_k: 0 }))).toContain("top_k")
      expect(yield* messageOf(tokens({ max_new_tokens: fromPolicy }))).toContain("generation_config.json")
    }))
})
