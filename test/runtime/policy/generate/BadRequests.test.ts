import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import type { GenerateRequest } from "../../../../runtime/policy/Policy.ts"
import { checkpointPath } from "../reference.ts"

const request: GenerateRequest = {
  prompts: [{ id: "a", tokens: Int32Array.of(5, 6, 7) }],
  candidates: 1,
  temperature: 1,
  topP: 1,
  maxNewTokens: 8,
  seed: 1
}
const prompt = (...tokens: ReadonlyArray<number>) => ({ prompts: [{ id: "a", tokens: Int32Array.from(tokens) }] })
const long = Array.from({ length: 57 }, () => 5)

// The checkpoint's context is 64 tokens, its vocabulary 280.
const cases: ReadonlyArray<readonly [Partial<GenerateRequest>, string]> = [
  [
    prompt(...long),
    "generate: prompts[0] (a) has 57 tokens, and 8 new ones exceed the context of 64. Cut it with fitPrompt(tokens, "
    + "contextLength - maxNewTokens), or lower maxNewTokens."
  ],
  [
    { maxNewTokens: 64 },
    "generate: maxNewTokens is 64, which leaves no room for a prompt in the context of 64. Lower it below 64."
  ],
  [{ maxNewTokens: 0 }, "generate: maxNewTokens is 0. It must be a whole number of at least 1."],
  [{ maxNewTokens: 2.5 }, "generate: maxNewTokens is 2.5. It must be a whole number of at least 1."],
  [{ candidates: 0 }, "generate: candidates is 0. It must be a whole number of at least 1."],
  [{ topK: 0 }, "generate: topK is 0. It must be a whole number of at least 1."],
  [{ topP: 0 }, "generate: topP is 0. It must be above 0 and at most 1."],
  [{ topP: 1.1 }, "generate: topP is 1.1. It must be above 0 and at most 1."],
  [{ temperature: -1 }, "generate: temperature is -1. It must be 0 (greedy) or positive."],
  [{ temperature: Number.NaN }, "generate: temperature is NaN. It must be 0 (greedy) or positive."],
  [{ seed: 0.5 }, "generate: seed is 0.5. It must be a whole number from 0 to 2^53 - 1."],
  [prompt(), "generate: prompts[0] (a) is empty. The model predicts from at least one token, such as BOS."],
  [
    prompt(5, 280),
    "generate: prompts[0] (a) holds the token 280, beyond the vocabulary of 280. Encode texts with the policy's own "
    + "tokenizer."
  ],
  [
    prompt(5, -1),
    "generate: prompts[0] (a) holds the token -1, beyond the vocabulary of 280. Encode texts with the policy's own "
    + "tokenizer."
  ]
]

layer(Sessions.layer)("a request that cannot be served", (it) => {
  it.effect("is one sentence about what is wrong, and what to do", () =>
    Effect.gen(function*() {
      const policy = yield* openPolicy(checkpointPath("untied-gqa"), "cpu")
      for (const [wrong, message] of cases) {
        const error = yield* Effect.flip(policy.generate({ ...request, ...wrong }))
        expect(error.message).toBe(message)
      }
      // What just fits is served, and no request at all gives nothing.
      const [filled] = yield* policy.generate({ ...request, ...prompt(...long.slice(1)), temperature: 0 })
      expect(filled?.tokens.length).toBe(8)
      expect(yield* policy.generate({ ...request, prompts: [] })).toEqual([])
    }))

  it.effect("weights that hold NaN end generation and scoring, not in token 0 again and again", () =>
    Effect.gen(function*() {
      const directory = mkdtempSync(join(tmpdir(), "gemflow-nan-"))
      cpSync(checkpointPath("untied-gqa"), directory, { recursive: true })
      const path = join(directory, "model.safetensors")
      const bytes = readFileSync(path)
      const start = 8 + Number(bytes.readBigUInt64LE(0))
      const header = JSON.parse(bytes.toString("utf8", 8, start))
      bytes.writeFloatLE(Number.NaN, start + header["model.norm.weight"].data_offsets[0])
      writeFileSync(path, bytes)
      const policy = yield* openPolicy(directory, "cpu")
      const error = yield* Effect.flip(policy.generate(request))
      expect(error.message).toContain("prompts[0] (a), candidate 0, token 1, has a log-prob that is not a number")
      const sequences = [{ prompt: Int32Array.of(3, 4), response: Int32Array.of(5) }]
      expect((yield* Effect.flip(policy.score({ sequences }))).message).toContain(
        "sequences[0] has a log-prob that is not a number"
      )
    }))
})
