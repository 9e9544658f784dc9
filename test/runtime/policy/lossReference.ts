/**
 * losses/<family>/expected.json of make_fixtures.py, typed: every loss on one checkpoint and one set of responses.
 *
 * `sequences` are responses to four prompts; every loss names those it takes by index. A loss's `value` is TRL's: the mean
 * over its `items` (pairs, rankings) or, for PPO, over response tokens; formulas are in the docstrings of
 * fixtures/policy/reference/{pairwise,ranking,reward,ppo}.py. Where a loss is a sum of parts, each part's value and gradient
 * are there too, with their coefficients in them (except PPO's, which are plain), so that another weighting can be checked:
 * a gradient's sums and values add up over parts. `steps` are ten AdamW steps of all weights (the head's among them) with
 * `optimiser`, each on all items; the checkpoint's weights are what they start from.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Summaries } from "./reference.ts"

type Numbers = ReadonlyArray<number>

export interface LossValue {
  readonly value: number
  /** Norm over all tensors; tensors by HuggingFace name; `score.weight`, `v_head.summary.*` of the heads. */
  readonly gradient: { readonly norm: number; readonly tensors: Summaries }
}

export interface Trained extends LossValue {
  readonly steps: ReadonlyArray<{ readonly learningRate: number; readonly loss: number; readonly gradNorm: number }>
}

interface OverItems extends Trained {
  readonly items: Numbers
}

interface Parts<Name extends string, Value> {
  readonly parts: Readonly<Record<Name, Value>>
}

export interface Pairwise extends OverItems {
  readonly beta: number
  /** Indices into `sequences`. */
  readonly pairs: ReadonlyArray<{ readonly chosen: number; readonly rejected: number }>
  readonly metrics: Readonly<Record<string, number>>
}

type ItemValue = LossValue & { readonly items: Numbers }

export interface LossReference {
  /** The checkpoint's name: see `checkpointPath`. */
  readonly checkpoint: string
  readonly optimiser: {
    readonly learningRate: number
    readonly schedule: "linear"
    readonly warmupSteps: number
    readonly weightDecay: number
    readonly betas: readonly [number, number]
    readonly epsilon: number
    readonly clip: number
  }
  readonly sequences: ReadonlyArray<{
    readonly prompt: Numbers
    readonly response: Numbers
    readonly logProbs: Numbers
    readonly entropies: Numbers
    readonly referenceLogProbs: Numbers
  }>
  readonly dpo: Pairwise
  readonly ipo: Pairwise
  readonly pro: OverItems & Parts<"ranking" | "sft", ItemValue> & {
    /** An item's sft part is sftWeight (n - 1)^2 times the negative log-prob of its first candidate, n candidates. */
    readonly sftWeight: number
    /** Best first. */
    readonly rankings: ReadonlyArray<{ readonly candidates: Numbers; readonly rewards: Numbers }>
  }
  readonly reward: OverItems & {
    readonly pairs: ReadonlyArray<{
      readonly chosen: number
      readonly rejected: number
      readonly margin: number
      readonly chosenScore: number
      readonly rejectedScore: number
    }>
    readonly metrics: Readonly<Record<string, number>>
  }
  /** The pairs of `reward` with TRL's center_rewards_coefficient. */
  readonly centeredReward: OverItems & Parts<"bradleyTerry" | "center", ItemValue> & { readonly coefficient: number }
  readonly ppo: Trained & Parts<"policy" | "value" | "kl", LossValue> & {
    readonly clip: number
    readonly valueClip: number
    readonly valueCoefficient: number
    readonly klCoefficient: number
    readonly gamma: number
    readonly lambda: number
    /** Per token of the sequence's response, except its score. `rewards` and what follows come from the old numbers. */
    readonly responses: ReadonlyArray<{
      readonly sequence: number
      readonly score: number
      readonly oldLogProbs: Numbers
      readonly oldValues: Numbers
      readonly rewards: Numbers
      readonly rawAdvantages: Numbers
      readonly returns: Numbers
      readonly advantages: Numbers
    }>
    readonly metrics: Readonly<Record<string, number>>
  }
}

/** The checkpoints that losses were computed on. */
export const lossNames = ["llama3", "qwen2"] as const

export const lossPath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/policy/losses/${name}`, import.meta.url))

export const lossReference = (name: string): LossReference =>
  JSON.parse(readFileSync(`${lossPath(name)}/expected.json`, "utf8"))

/** A safetensors file with the reward model's `score.weight` [1, hidden]. */
export const scoreHeadPath = (name: string): string => `${lossPath(name)}/score-head.safetensors`

/** A safetensors file with the value function's `v_head.summary.weight` [1, hidden] and `v_head.summary.bias` [1]. */
export const valueHeadPath = (name: string): string => `${lossPath(name)}/value-head.safetensors`

/** The whole reward model that `reward` starts from, as transformers saves a ForSequenceClassification with one label. */
export const rewardModelPath = (name: string): string => `${lossPath(name)}/reward-model`
