import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import {
  type GenerationDefaults,
  readGenerationDefaults
} from "../../../../runtime/policy/checkpoint/GenerationConfig.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { temporary, withJson } from "./copies.ts"

const read = (json: object) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    writeFileSync(join(directory, "generation_config.json"), JSON.stringify(json))
    return yield* readGenerationDefaults(directory)
  })

describe("readGenerationDefaults", () => {
  const cases: ReadonlyArray<readonly [string, object, GenerationDefaults]> = [
    [
      "several ends and what to sample with",
      { bos_token_id: 9, do_sample: true, eos_token_id: [1, 2], temperature: 0.6, top_p: 0.9, max_new_tokens: 64 },
      { eosIds: [1, 2], temperature: 0.6, topP: 0.9, maxNewTokens: 64, unapplied: [] }
    ],
    [
      "what is not applied",
      { eos_token_id: 1, pad_token_id: 0, repetition_penalty: 1.05, min_p: 0, num_beams: 4, top_k: 20 },
      { eosIds: [1], padId: 0, topK: 20, unapplied: ["repetition_penalty 1.05", "num_beams 4"] }
    ],
    ["greedy decoding", { do_sample: false, temperature: 0.7, top_k: 0 }, {
      eosIds: [],
      temperature: 0,
      unapplied: []
    }],
    ["nulls", { eos_token_id: null, temperature: null, top_k: null }, { eosIds: [], unapplied: [] }]
  ]
  for (const [what, json, expected] of cases) {
    it.effect(`reads ${what}`, () => Effect.map(read(json), (defaults) => expect(defaults).toEqual(expected)))
  }

  it.effect("gives nothing without the file, and names a field of another type", () =>
    Effect.gen(function*() {
      expect(yield* readGenerationDefaults(yield* temporary)).toEqual({ eosIds: [], unapplied: [] })
      const error = yield* Effect.flip(read({ temperature: "hot" }))
      expect(error.message).toMatch(/generation_config\.json: does not decode: .*temperature/)
    }))
})

layer(Sessions.layer)("a policy", (it) => {
  it.effect("tells how it is meant to be sampled, with the ids that end a response in the tokenizer's order", () =>
    Effect.gen(function*() {
      const file = { eos_token_id: [3, 1], temperature: 0.6, repetition_penalty: 1.1 }
      const directory = yield* withJson("untied-gqa", "generation_config.json", file)
      const policy = yield* openPolicy(directory, "cpu")
      expect(policy.generation).toEqual({
        temperature: 0.6,
        eosIds: [1, 3],
        padId: 2,
        unapplied: ["repetition_penalty 1.1"]
      })
      expect(policy.precision).toBe("float32")
    }))
})
