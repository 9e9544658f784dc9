import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { graph, input, output } from "../../../../runtime/onnx/Graph.ts"
import { linear } from "../../../../runtime/onnx/ops/MatMul.ts"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import { toNumbers } from "../../../../runtime/onnx/TensorData.ts"
import { type Checkpoint, openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { hiddenStates } from "../../../../runtime/policy/model/CausalAttention.ts"
import { finalNorm, headWeight } from "../../../../runtime/policy/model/Decoder.ts"
import { openPolicy } from "../../../../runtime/policy/OpenPolicy.ts"
import { serialiseProgram } from "../../../../runtime/policy/SerialiseProgram.ts"
import { checkpointPath, families, largestDifference, names, reference, sequences } from "../reference.ts"

/** Tokens [1, length] to logits [length, vocabularySize]. */
const logitsProgram = ({ config, source }: Checkpoint) => {
  const program = graph("logits")
  const tokens = input(program, "tokens", "int32", [1, "length"])
  const weights = source(program)
  const hidden = finalNorm(config, weights, hiddenStates(config, weights, tokens))
  output("logits", linear(hidden, headWeight(config, weights)))
  return program
}

layer(Sessions.layer)("every family", (it) => {
  describe.each([...names, ...families])("%s", (name) => {
    it.effect("logits of a whole sequence are those of transformers", () =>
      Effect.gen(function*() {
        const checkpoint = yield* openCheckpoint(checkpointPath(name))
        const { positions, tokens, values } = reference(name).logits
        const session = yield* (yield* Sessions).open(serialiseProgram(logitsProgram(checkpoint)), {
          device: "cpu",
          weights: yield* checkpoint.folder
        })
        const feeds = {
          tokens: { dtype: "int32", dims: [1, tokens.length], data: Int32Array.from(tokens) }
        } as const
        const { logits } = yield* session.run({ feeds, fetch: ["logits"] })
        const size = checkpoint.config.vocabularySize
        const found = toNumbers(logits)
        expect(found.length).toBe(tokens.length * size)
        positions.forEach((position, index) => {
          const row = found.slice(position * size, (position + 1) * size)
          expect(largestDifference(row, values[index] ?? [])).toBeLessThan(1e-4)
        })
      }))

    it.effect("log-probs and entropies of responses to ragged prompts are those of PyTorch", () =>
      Effect.gen(function*() {
        const expected = reference(name)
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        expect(policy.parameters).toBe(expected.parameters)
        const scores = yield* policy.score({ sequences: sequences(expected) })
        expect(scores.length).toBe(expected.scored.length)
        scores.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, expected.scored[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, expected.scored[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
      }))

    it.effect("greedy decoding gives the tokens of transformers' generate, and ends where it ends", () =>
      Effect.gen(function*() {
        const { eosIds, greedy } = reference(name)
        const policy = yield* openPolicy(checkpointPath(name), "cpu")
        expect([...policy.tokenizer.eosIds].toSorted()).toEqual([...eosIds].toSorted())
        const generations = yield* policy.generate({
          prompts: greedy.map(({ prompt }, index) => ({ id: `${index}`, tokens: Int32Array.from(prompt) })),
          candidates: 1,
          temperature: 0,
          topP: 1,
          maxNewTokens: 12,
          seed: 1
        })
        expect(generations.map(({ tokens }) => [...tokens])).toEqual(greedy.map(({ tokens }) => tokens))
        expect(generations.map(({ finished }) => finished)).toEqual(greedy.map(({ finished }) => finished))
        generations.forEach(({ entropies, logProbs }, index) => {
          expect(largestDifference(logProbs, greedy[index]?.logProbs ?? [])).toBeLessThan(1e-4)
          expect(largestDifference(entropies, greedy[index]?.entropies ?? [])).toBeLessThan(1e-4)
        })
      }))

    it.effect("conversations become the tokens of transformers' apply_chat_template", () =>
      Effect.gen(function*() {
        const { tokenizer } = yield* openPolicy(checkpointPath(name), "cpu")
        for (const { ids, messages } of reference(name).chat) {
          expect([...yield* tokenizer.encodeChat(messages, { addGenerationPrompt: true })]).toEqual(ids)
        }
      }))
  })
})
