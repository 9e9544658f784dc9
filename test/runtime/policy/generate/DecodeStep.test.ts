import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../../runtime/onnx/Sessions.ts"
import type { TensorData } from "../../../../runtime/onnx/TensorData.ts"
import { openCheckpoint } from "../../../../runtime/policy/checkpoint/Checkpoint.ts"
import { buildDecodeStep, buildPrefill } from "../../../../runtime/policy/generate/DecodeStep.ts"
import { checkpointPath, families, largestDifference, names, reference } from "../reference.ts"

const int32 = (dims: ReadonlyArray<number>, values: ReadonlyArray<number>): TensorData => ({
  dtype: "int32",
  dims,
  data: Int32Array.from(values)
})

layer(Sessions.layer)("decode step", (it) => {
  for (const name of [...names, ...families]) {
    it.effect(`fed one token after another, gives the reference's logits: ${name}`, () =>
      Effect.gen(function*() {
        const { config, folder, source } = yield* openCheckpoint(checkpointPath(name))
        const { positions, tokens, values } = reference(name).logits
        const sessions = yield* Sessions
        const options = { device: "cpu", weights: yield* folder }
        const start = 3
        const prefill = yield* sessions.open(buildPrefill(config, source), options)
        const caches = prefill.program.outputs.map((port) => port.name)
        const feeds = {
          promptTokens: int32([1, start], tokens.slice(0, start)),
          promptLengths: int32([1], [start + 1])
        }
        const prompt = yield* prefill.run({ feeds, fetch: caches })

        const decode = yield* sessions.open(buildDecodeStep(config, source), options)
        const states = decode.program.outputs.map((port) => port.name).filter((output) => output !== "logits")
        const empty = {
          dtype: "float32",
          dims: [1, config.keyValueHeads, 1, 0, config.headSize],
          data: new Float32Array(0)
        } as const
        let first: Record<string, TensorData> = Object.fromEntries(
          states.map((state) => [state.replace("next.", ""), empty])
        )
        for (let position = start; position < tokens.length; position++) {
          const { logits } = yield* decode.run({
            feeds: {
              ...prompt,
              ...first,
              token: { dtype: "int64", dims: [1, 1], data: BigInt64Array.of(BigInt(tokens[position] ?? 0)) },
              position: { dtype: "float32", dims: [1], data: Float32Array.of(position) }
            },
            fetch: ["logits"],
            carry: Object.fromEntries(states.map((state) => [state, state.replace("next.", "")]))
          })
          first = {}
          const known = positions.indexOf(position)
          if (known >= 0) {
            expect(largestDifference(Array.from(logits.data, Number), values[known] ?? [])).toBeLessThan(1e-4)
          }
        }
      }))
  }
})
