/** Finds what is wrong with a request before anything runs. */
import type { ModelConfig } from "./model/ModelConfig.ts"
import type { EvaluateRequest, GenerateRequest, TrainRequest } from "./Policy.ts"
import { PolicyRequestError } from "./PolicyError.ts"
import type { Sequence } from "./SequenceBatch.ts"
import { predictionsOf } from "./train/MicroBatch.ts"
import type { Extent, Objective, TrainItem } from "./train/Objective.ts"

type Operation = "generate" | "score" | "rewards" | "values" | "train"

interface Rule {
  readonly holds: boolean
  readonly place: string
  readonly problem: string
  readonly remedy: string
}

const firstBroken = (operation: Operation, rules: Iterable<Rule>): PolicyRequestError | undefined => {
  for (const { holds, place, problem, remedy } of rules) {
    if (!holds) return new PolicyRequestError({ operation, place, problem, remedy })
  }
  return undefined
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1
const count = (place: string, value: number): Rule => ({
  holds: isCount(value),
  place,
  problem: `is ${value}`,
  remedy: "It must be a whole number of at least 1."
})
const isRate = (value: number): boolean => Number.isFinite(value) && value >= 0

export const checkGenerate = (config: ModelConfig, request: GenerateRequest): PolicyRequestError | undefined =>
  firstBroken("generate", generateRules(config, request))

/** A reward model has no distributions over tokens. */
const languageHead = (config: ModelConfig): Rule => ({
  holds: config.scoreHead !== true,
  place: "the policy",
  problem: `is a reward model (${config.architecture}), which has no language-model head`,
  remedy: "Ask it for rewards, or open a policy."
})

function* generateRules(config: ModelConfig, request: GenerateRequest): Iterable<Rule> {
  yield languageHead(config)
  const { candidates, maxNewTokens, seed, temperature, topK, topP } = request
  yield count("candidates", candidates)
  yield count("maxNewTokens", maxNewTokens)
  yield {
    holds: maxNewTokens < config.contextLength,
    place: "maxNewTokens",
    problem: `is ${maxNewTokens}, which leaves no room for a prompt in the context of ${config.contextLength}`,
    remedy: `Lower it below ${config.contextLength}.`
  }
  if (topK !== undefined) yield count("topK", topK)
  yield {
    holds: isRate(temperature),
    place: "temperature",
    problem: `is ${temperature}`,
    remedy: "It must be 0 (greedy) or positive."
  }
  yield {
    holds: topP > 0 && topP <= 1,
    place: "topP",
    problem: `is ${topP}`,
    remedy: "It must be above 0 and at most 1."
  }
  yield {
    holds: Number.isSafeInteger(seed) && seed >= 0,
    place: "seed",
    problem: `is ${seed}`,
    remedy: "It must be a whole number from 0 to 2^53 - 1."
  }
  for (const [index, { id, tokens }] of request.prompts.entries()) {
    const place = `prompts[${index}] (${id})`
    yield* tokenRules(config, place, tokens)
    yield {
      holds: tokens.length + maxNewTokens <= config.contextLength,
      place,
      problem:
        `has ${tokens.length} tokens, and ${maxNewTokens} new ones exceed the context of ${config.contextLength}`,
      remedy: "Cut it with fitPrompt(tokens, contextLength - maxNewTokens), or lower maxNewTokens."
    }
  }
}

function* tokenRules(config: ModelConfig, place: string, tokens: Int32Array): Iterable<Rule> {
  const stray = tokens.find((token) => token < 0 || token >= config.vocabularySize)
  yield {
    holds: tokens.length > 0,
    place,
    problem: "is empty",
    remedy: "The model predicts from at least one token, such as BOS."
  }
  yield {
    holds: stray === undefined,
    place,
    problem: `holds the token ${stray}, beyond the vocabulary of ${config.vocabularySize}`,
    remedy: "Encode texts with the policy's own tokenizer."
  }
}

function* sequenceRules(config: ModelConfig, place: string, { prompt, response }: Sequence): Iterable<Rule> {
  yield* tokenRules(config, `${place}.prompt`, prompt)
  yield* tokenRules(config, `${place}.response`, response)
  const length = prompt.length + response.length
  yield {
    holds: length <= config.contextLength,
    place,
    problem: `has ${length} tokens, more than the context of ${config.contextLength}`,
    remedy: "Cut the prompt with fitPrompt or the response with fitResponse."
  }
}

export const checkScore = (
  config: ModelConfig,
  sequences: ReadonlyArray<Sequence>
): PolicyRequestError | undefined =>
  firstBroken("score", [languageHead(config), ...allSequenceRules(config, sequences)])

const allSequenceRules = (config: ModelConfig, sequences: ReadonlyArray<Sequence>): ReadonlyArray<Rule> =>
  sequences.flatMap((sequence, index) => [...sequenceRules(config, `sequences[${index}]`, sequence)])

/** @param hasHead whether the policy has the head that is read. */
export const checkHeadValues = (
  config: ModelConfig,
  operation: "rewards" | "values",
  hasHead: boolean,
  sequences: ReadonlyArray<Sequence>
): PolicyRequestError | undefined =>
  firstBroken(operation, [
    {
      holds: hasHead,
      place: "the policy",
      problem: operation === "rewards" ? "has no score head" : "has no value head",
      remedy: operation === "rewards"
        ? "Open a reward model: train one with the objective bradleyTerry, or take a checkpoint for sequence classification."
        : "Open a policy that was trained with the objective ppo."
    },
    ...allSequenceRules(config, sequences)
  ])

export const checkTrain = (config: ModelConfig, request: TrainRequest): PolicyRequestError | undefined =>
  firstBroken("train", trainRules(config, request))

function* trainRules(config: ModelConfig, request: TrainRequest): Iterable<Rule> {
  for (const place of ["learningRate", "weightDecay", "epsilon", "warmupSteps"] as const) {
    const value = request[place]
    yield { holds: isRate(value), place, problem: `is ${value}`, remedy: "It must be a finite number of at least 0." }
  }
  for (const beta of request.betas) {
    yield { holds: beta >= 0 && beta < 1, place: "betas", problem: `hold ${beta}`, remedy: "Each must be in [0, 1)." }
  }
  yield { holds: request.clip > 0, place: "clip", problem: `is ${request.clip}`, remedy: "It must be positive." }
  if (request.microBatchTokens !== undefined) yield count("microBatchTokens", request.microBatchTokens)
  if (request.resume !== undefined) yield count("resume.everySteps", request.resume.everySteps)
  if (request.evaluate !== undefined) yield* evaluateRules(config, request.evaluate)
  const { objective } = request
  if (objective.reads === "responses") yield languageHead(config)
  for (const [step, items] of request.steps.entries()) {
    yield {
      holds: items.length > 0,
      place: `steps[${step}]`,
      problem: "is empty",
      remedy: "Give each step an item, or leave the step out."
    }
    for (const [index, item] of items.entries()) yield* itemRules(config, objective, `steps[${step}][${index}]`, item)
  }
}

function* evaluateRules(config: ModelConfig, { everySteps, items, objective }: EvaluateRequest): Iterable<Rule> {
  yield count("evaluate.everySteps", everySteps)
  yield {
    holds: items.length > 0,
    place: "evaluate.items",
    problem: "is empty",
    remedy: "Give items to evaluate on, or leave evaluate out."
  }
  if (objective.reads === "responses") yield languageHead(config)
  for (const [index, item] of items.entries()) yield* itemRules(config, objective, `evaluate.items[${index}]`, item)
}

function* itemRules(config: ModelConfig, objective: Objective, place: string, item: TrainItem): Iterable<Rule> {
  const { fewestSequences = objective.sequencesPerItem, sequencesPerItem: most } = objective
  const count = item.sequences.length
  yield {
    holds: count >= fewestSequences && count <= most,
    place,
    problem: `has ${count} ${count === 1 ? "sequence" : "sequences"}`,
    remedy: `An item of the objective ${objective.name} has ${
      fewestSequences === most ? most : `${fewestSequences} to ${most}`
    }.`
  }
  for (const [index, sequence] of item.sequences.entries()) {
    yield* sequenceRules(config, objective.sequencesPerItem === 1 ? place : `${place}.sequences[${index}]`, sequence)
  }
  for (const [name, extent] of Object.entries(objective.values)) {
    const given = item.values[name]
    yield {
      holds: given !== undefined && hasExtent(given, extent, item, objective.reads),
      place: `${place}.${name}`,
      problem: given === undefined ? "is missing" : `does not hold one number per ${extent}`,
      remedy: `The objective ${objective.name} needs it; ${extents[extent]}.`
    }
    const stray = flatNumbers(given).find((value) => !Number.isFinite(value))
    yield {
      holds: stray === undefined,
      place: `${place}.${name}`,
      problem: `is ${stray}`,
      remedy: "Values must be finite numbers."
    }
  }
}

const extents = {
  item: "it is a number",
  sequence: "it is a list with a number for each sequence",
  prediction:
    "it is a list, for each sequence, of as many numbers as it has response tokens (one, if the objective reads "
    + "the last token alone)"
}

type Given = TrainItem["values"][string]

const hasExtent = (given: Given, extent: Extent, { sequences }: TrainItem, reads: Objective["reads"]): boolean => {
  if (typeof given === "number") return extent === "item"
  if (extent === "item" || given.length !== sequences.length) return false
  return sequences.every((sequence, index) => {
    const own = given[index]
    if (typeof own === "number") return extent === "sequence"
    return extent === "prediction" && own?.length === predictionsOf(sequence, reads)
  })
}

const flatNumbers = (given: Given | undefined): ReadonlyArray<number> =>
  given === undefined
    ? []
    : typeof given === "number"
    ? [given]
    : given.flatMap((own) => typeof own === "number" ? [own] : Array.from(own))
