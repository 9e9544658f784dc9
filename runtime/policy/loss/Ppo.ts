/** Proximal policy optimisation: several optimiser steps on responses that a slightly older policy sampled. */
import type { Tensor } from "../../onnx/Graph.ts"
import { add, clip, exp, maximum, minimum, mul, neg, square, stopGradient, sub } from "../../onnx/ops/Arithmetic.ts"
import { flatten } from "../../onnx/ops/Layout.ts"
import { linear } from "../../onnx/ops/MatMul.ts"
import { VALUE_HEAD } from "../model/Heads.ts"
import type { Sequence } from "../SequenceBatch.ts"
import type { Objective, TrainItem } from "../train/Objective.ts"
import { exceeds, weighted } from "./OverItems.ts"

/** A sampled response, with a number for each of its tokens. */
export interface PpoRollout {
  readonly sequence: Sequence
  /** log pi under the policy that sampled it, nats, and that policy's values. */
  readonly oldLogProbs: ArrayLike<number>
  readonly oldValues: ArrayLike<number>
  /** log pi_ref, nats. */
  readonly referenceLogProbs: ArrayLike<number>
  /** What `generalisedAdvantages` makes of these and of the response's score. */
  readonly advantages: ArrayLike<number>
  readonly returns: ArrayLike<number>
}

/** The responses of one optimiser step; its loss and metrics are means over all their tokens. */
export const ppoItems = (rollouts: ReadonlyArray<PpoRollout>): ReadonlyArray<TrainItem> => {
  const tokens = rollouts.reduce((sum, { sequence }) => sum + sequence.response.length, 0)
  return rollouts.map(({ advantages, oldLogProbs, oldValues, referenceLogProbs, returns, sequence }) => ({
    sequences: [sequence],
    values: {
      oldLogProbs: [oldLogProbs],
      oldValues: [oldValues],
      referenceLogProbs: [referenceLogProbs],
      advantages: [advantages],
      returns: [returns],
      weight: 1 / tokens
    }
  }))
}

export interface PpoOptions {
  /** How far the probability of a token may move from the old policy's, as a part of it. Default 0.2. */
  readonly clip?: number
  /** How far a value may move from the old one. Default 0.2. */
  readonly valueClip?: number
  /** Default 0.1. */
  readonly valueCoefficient?: number
  /** Of the loss's own penalty for leaving the reference policy; TRL has the penalty in the rewards instead. Default 0. */
  readonly klCoefficient?: number
  /** Report the entropy of the policy's distributions, which costs some memory and time. Default false. */
  readonly entropy?: boolean
}

/**
 * PPO (Schulman et al. 2017, equation 7) with clipped values, on one trunk with a value head, as TRL's PPOTrainer has it:
 *
 *     ratio_t = exp(log pi_t - old log pi_t)
 *     policy = mean_t max(- A_t ratio_t, - A_t clamp(ratio_t, 1 - clip, 1 + clip))
 *     value  = mean_t 0.5 max((v_t - R_t)^2, (clamp(v_t, old v_t - valueClip, old v_t + valueClip) - R_t)^2)
 *     kl     = mean_t exp(d_t) - 1 - d_t   with d_t = log pi_ref,t - log pi_t   (Schulman 2020, the k3 estimator)
 *     loss   = policy + valueCoefficient value + klCoefficient kl
 *
 * v_t is the value head at the hidden state that predicts token t, a linear layer with bias, as of TRL's
 * AutoModelForCausalLMWithValueHead. Metrics have the names of TRL's PPOTrainer, `kl` that of its GRPOTrainer.
 */
export const ppo = (options: PpoOptions = {}): Objective => {
  const { clip: most = 0.2, entropy = false, klCoefficient = 0, valueClip = 0.2, valueCoefficient = 0.1 } = options
  return {
    name: `ppo clip=${most} valueClip=${valueClip} valueCoefficient=${valueCoefficient} klCoefficient=${klCoefficient} `
      + `entropy=${entropy}`,
    sequencesPerItem: 1,
    reads: "responses",
    values: {
      oldLogProbs: "prediction",
      oldValues: "prediction",
      referenceLogProbs: "prediction",
      advantages: "prediction",
      returns: "prediction",
      weight: "item"
    },
    heads: ({ hiddenSize }) => ({ [VALUE_HEAD.weight]: [1, hiddenSize], [VALUE_HEAD.bias]: [1] }),
    loss: (forward, values) => {
      const mean = (each: Tensor) => weighted(values("weight"), flatten(forward.sumBySequence(each), 0))
      const difference = sub(forward.logProbs(), values("oldLogProbs"))
      const ratio = exp(difference)
      const loss = neg(mul(values("advantages"), ratio))
      const clippedLoss = neg(mul(values("advantages"), clip(ratio, 1 - most, 1 + most)))
      const policy = mean(maximum(loss, clippedLoss))

      const value = add(
        flatten(linear(forward.hidden(), forward.head(VALUE_HEAD.weight)), 0),
        forward.head(VALUE_HEAD.bias)
      )
      const old = values("oldValues")
      const near = minimum(maximum(value, sub(old, valueClip)), add(old, valueClip))
      const error = square(sub(value, values("returns")))
      const clippedError = square(sub(near, values("returns")))
      const valueLoss = mul(mean(maximum(error, clippedError)), 0.5)

      const d = sub(values("referenceLogProbs"), forward.logProbs())
      const kl = mean(sub(sub(exp(d), 1), d))
      return {
        loss: add(policy, add(mul(valueLoss, valueCoefficient), mul(kl, klCoefficient))),
        metrics: {
          "loss/policy_avg": policy,
          "loss/value_avg": valueLoss,
          "policy/approxkl_avg": mul(mean(square(difference)), 0.5),
          "policy/clipfrac_avg": mean(exceeds(clippedLoss, loss)),
          "val/clipfrac_avg": mean(exceeds(clippedError, error)),
          "val/ratio": mean(ratio),
          kl,
          ...(entropy && { "policy/entropy_avg": mean(stopGradient(forward.entropies())) })
        }
      }
    }
  }
}
