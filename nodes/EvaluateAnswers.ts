/**
 * evaluate-answers: whether a policy's own responses to held-out prompts end in the right answer: a measure that shares
 * nothing with the training reward.
 *
 * Each distinct prompt is answered `samples` times. The answer of a response is what follows its last marker; the one
 * expected is found in the same way in the chosen response of the prompt's first pair. They are compared as numbers where
 * they are numbers, else as text without regard to letter case (nodes/answer/Answer.ts). A response without a marker has
 * no answer and is not correct.
 *
 * @errors NoExpectedAnswer, NoRoomForPrompt, NotInGenerationConfig, PolicyRequestError, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { AnswerEvaluation, PreferencePairs } from "gemflow/artifacts"
import { extractAnswer, sameAnswer } from "./answer/Answer.ts"
import { defaultMarker, Marker } from "./answer/Marker.ts"
import { cotSuffix } from "./config/CotSuffix.ts"
import { devicesOf, samplingDevices } from "./config/Devices.ts"
import { Count, documented, optional, Seed } from "./config/Field.ts"
import { samplingFields } from "./config/Sampling.ts"
import { expectedAnswers } from "./evaluation/ExpectedAnswers.ts"
import { generatePrompts } from "./policy/GeneratePrompts.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"

export const EvaluateAnswers = Node.make("evaluate-answers", {
  doc: "Lets the policy answer each prompt and compares with the chosen response's answer.",
  module: import.meta.url,
  config: Schema.Struct({
    label: documented(Schema.NonEmptyString, "What the report calls this policy: base, sft, gem ..."),
    samples: optional(Count, 1, "Responses per prompt."),
    ...samplingFields({ temperature: 0, notes: { temperature: "", topP: "", maxNewTokens: "" } }),
    seed: optional(Seed, 0, "Another seed draws other responses."),
    marker: optional(
      Marker,
      defaultMarker,
      "Regular expression of what stands before the answer; its last match counts."
    ),
    without_answer: optional(
      Schema.Literals(["error", "skip"]),
      "error",
      "What to do about a prompt whose chosen response has no answer: stop, or leave it out."
    ),
    cot_suffix: cotSuffix,
    devices: samplingDevices
  }),
  inputs: {
    policy: PolicyInput,
    pairs: TableType.pick(PreferencePairs, "pair_id", "prompt_id", "line", "prompt", "chosen", "difficulty")
  },
  output: AnswerEvaluation,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  map: { over: "pairs", by: "prompt_id", groups: 64 },
  run: Effect.fn("EvaluateAnswers.run")(function*({ config, inputs, progress, shared }) {
    // First: data without answers should fail before a model is loaded.
    const questions = yield* expectedAnswers(inputs.pairs.rows(), config)
    const { policy, policy_id } = yield* shared("policy", openInput(inputs.policy))
    const responses = yield* generatePrompts(
      policy,
      questions,
      { ...config, candidates: config.samples },
      (done, total) => progress({ done, total, unit: "responses" })
    )
    return responses.map(({ candidate, finished, promptTruncated, question, tokens }) => {
      const text = policy.tokenizer.decode(tokens)
      const answer = extractAnswer(text, config.marker) ?? null
      return {
        policy: config.label,
        policy_id,
        prompt_id: question.prompt_id,
        sample: candidate,
        expected: question.expected,
        answer,
        correct: answer !== null && sameAnswer(answer, question.expected),
        text,
        response_tokens: tokens.length,
        prompt_truncated: promptTruncated,
        finished,
        difficulty: question.difficulty
      }
    })
  })
})
