/** How a policy is sampled: the numbers of a node's config, and of the policy's own settings where the config points there. */
import * as Effect from "effect/Effect"
import type { GenerateRequest, Policy } from "../../runtime/policy/Policy.ts"
import { FROM_POLICY, type SamplingConfig } from "../config/Sampling.ts"
import { NotInGenerationConfig } from "./PolicyInputError.ts"

/**
 * A field with "generation_config" takes what the policy's file says. Where the file leaves out temperature, top_p or
 * top_k, nothing is divided or cut. Settings of the file that gemflow does not apply (a repetition penalty) are warned of.
 * Log-probs and entropies stay those of the raw logits, whatever was drawn from.
 *
 * @errors NotInGenerationConfig where the file is to say max_new_tokens, and does not.
 */
export const samplingOf = Effect.fn("samplingOf")(function*(
  { generation }: Pick<Policy, "generation">,
  { max_new_tokens, temperature, top_k, top_p }: SamplingConfig
) {
  const topK = top_k === FROM_POLICY ? generation.topK : top_k
  const maxNewTokens = max_new_tokens === FROM_POLICY ? generation.maxNewTokens : max_new_tokens
  if (maxNewTokens === undefined) return yield* new NotInGenerationConfig({ field: "max_new_tokens" })
  if ([max_new_tokens, temperature, top_k, top_p].includes(FROM_POLICY) && generation.unapplied.length > 0) {
    yield* Effect.logWarning(
      `the policy's generation_config.json also asks for ${generation.unapplied.join(", ")}, which is not applied`
    )
  }
  const sampling: Pick<GenerateRequest, "temperature" | "topP" | "topK" | "maxNewTokens"> = {
    temperature: temperature === FROM_POLICY ? generation.temperature ?? 1 : temperature,
    topP: top_p === FROM_POLICY ? generation.topP ?? 1 : top_p,
    ...(topK !== undefined && { topK }),
    maxNewTokens
  }
  return sampling
})
