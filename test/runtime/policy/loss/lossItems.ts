/** The items of the reference losses. */
import { ppoItems, type PpoRollout } from "../../../../runtime/policy/loss/Ppo.ts"
import { preferenceItems } from "../../../../runtime/policy/loss/Preference.ts"
import { rankingItems } from "../../../../runtime/policy/loss/Pro.ts"
import { rewardItems } from "../../../../runtime/policy/loss/Reward.ts"
import type { LossReference } from "../lossReference.ts"

export const sequenceOf = ({ sequences }: LossReference, index: number) => ({
  prompt: Int32Array.from(sequences[index]?.prompt ?? []),
  response: Int32Array.from(sequences[index]?.response ?? [])
})

export const preferencesOf = (reference: LossReference, { pairs }: LossReference["dpo"]) => {
  const sum = (index: number) => (reference.sequences[index]?.referenceLogProbs ?? []).reduce((a, b) => a + b, 0)
  return preferenceItems(pairs.map(({ chosen, rejected }) => ({
    chosen: sequenceOf(reference, chosen),
    rejected: sequenceOf(reference, rejected),
    reference: { chosen: sum(chosen), rejected: sum(rejected) }
  })))
}

/** Given worst first, to be ranked by their rewards. */
export const rankingsOf = (reference: LossReference) =>
  rankingItems(reference.pro.rankings.map(({ candidates, rewards }) => ({
    prompt: sequenceOf(reference, candidates[0] ?? 0).prompt,
    responses: candidates.map((index, rank) => ({
      tokens: sequenceOf(reference, index).response,
      reward: rewards[rank] ?? Number.NaN
    })).toReversed()
  })))

export const rewardPairsOf = (reference: LossReference) =>
  rewardItems(reference.reward.pairs.map(({ chosen, margin, rejected }) => ({
    chosen: sequenceOf(reference, chosen),
    rejected: sequenceOf(reference, rejected),
    margin
  })))

export const rolloutsOf = (reference: LossReference) =>
  ppoItems(reference.ppo.responses.map(({ sequence, ...numbers }): PpoRollout => ({
    ...numbers,
    sequence: sequenceOf(reference, sequence),
    referenceLogProbs: reference.sequences[sequence]?.referenceLogProbs ?? []
  })))
