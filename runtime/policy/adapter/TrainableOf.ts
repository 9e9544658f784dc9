/** What a request trains: all weights, a new adapter, or the adapter that the policy has. */
import * as Effect from "effect/Effect"
import type { Engine } from "../Engine.ts"
import { SCORE_HEAD } from "../model/Heads.ts"
import type { TrainRequest } from "../Policy.ts"
import { PolicyRequestError } from "../PolicyError.ts"
import { allWeights, type Trainable } from "../train/Trainable.ts"
import type { Adapter } from "./Adapter.ts"
import type { AdapterConfig } from "./AdapterConfig.ts"
import { trainableAdapter } from "./AdapterTrainable.ts"
import { initialAdapter } from "./InitialAdapter.ts"

/**
 * An adapter of the policy is trained on, with the dropout that the request asks for; a request for an adapter of another
 * form is refused, since a second one cannot be stacked on the first. The score head of a reward model is part of it.
 */
export const trainableOf = Effect.fnUntraced(function*(engine: Engine, request: TrainRequest) {
  const { adapter: own, base, checkpoint } = engine
  const model = checkpoint.config
  const scoreHead = SCORE_HEAD in (request.objective.heads?.(model) ?? {}) ? { scoreHead: true } : {}
  const wanted = request.adapter && { ...request.adapter, ...scoreHead }
  if (own !== undefined) {
    const other = wanted === undefined ? undefined : difference(own.config, wanted)
    if (other !== undefined) {
      return yield* new PolicyRequestError({
        operation: "train",
        place: "adapter",
        problem: `asks for ${other}`,
        remedy: "Leave it out to train the policy's adapter on, or merge that one first: gemflow export --format "
          + "huggingface."
      })
    }
    const adapter = { ...own.config, ...scoreHead, dropout: wanted?.dropout ?? own.config.dropout }
    return trainableAdapter({ model, base, adapter, directory: own.directory, initial: () => copied(own) })
  }
  if (wanted === undefined && checkpoint.baseWeights !== undefined) {
    return yield* new PolicyRequestError({
      operation: "train",
      place: "adapter",
      problem: `is not given, and the policy's linear layers are quantised to ${checkpoint.baseWeights}`,
      remedy: "They cannot be trained themselves; ask for an adapter beside them."
    })
  }
  if (wanted === undefined) return allWeights(checkpoint, request.objective)
  const initial = () => initialAdapter(model, wanted, request.seed ?? 0)
  const trainable: Trainable = trainableAdapter({
    model,
    base,
    adapter: wanted,
    directory: checkpoint.directory,
    initial
  })
  return trainable
})

const difference = (own: AdapterConfig, wanted: AdapterConfig): string | undefined => {
  for (const field of ["rank", "alpha", "rankStabilised"] as const) {
    if (own[field] !== wanted[field]) return `${field} ${wanted[field]}, and the policy's adapter has ${own[field]}`
  }
  const sameModules = own.modules.length === wanted.modules.length &&
    own.modules.every((module) => wanted.modules.includes(module))
  return sameModules ? undefined : "other target modules than the policy's adapter has"
}

/** Values of their own: training moves them to the device's worker. */
const copied = ({ values }: Adapter) =>
  new Map([...values].map(([name, value]) => [name, { ...value, data: value.data.slice() }]))
