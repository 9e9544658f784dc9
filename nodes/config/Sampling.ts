/** The config fields of nodes that let a policy respond: how its tokens are drawn. */
import * as Schema from "effect/Schema"
import { Count, NonNegative, optional, Share } from "./Field.ts"

/** Stands for what the policy's own generation_config.json says, which its makers recommend. */
export const FROM_POLICY = "generation_config"

const orFromPolicy = <S extends Schema.Top>(schema: S) => Schema.Union([schema, Schema.Literal(FROM_POLICY)])

const Temperature = orFromPolicy(NonNegative)
const TopP = orFromPolicy(Share)
const TopK = orFromPolicy(Count)
const MaxNewTokens = orFromPolicy(Count)

/** Each takes "generation_config" as well as a number (nodes/policy/SamplingOf.ts says how it is read). */
export interface SamplingConfig {
  readonly temperature: typeof Temperature.Type
  readonly top_p: typeof TopP.Type
  readonly top_k?: typeof TopK.Type
  readonly max_new_tokens: typeof MaxNewTokens.Type
}

/** Defaults and notes differ from node to node. */
export interface SamplingDefaults {
  readonly temperature: number
  readonly notes: { readonly temperature: string; readonly topP: string; readonly maxNewTokens: string }
}

const alternative = ` "${FROM_POLICY}": as the policy's own generation_config.json says.`

export const samplingFields = ({ notes, temperature }: SamplingDefaults) => ({
  temperature: optional(
    Temperature,
    temperature,
    `Divides the logits${notes.temperature}. 0 takes the likeliest token.${alternative}`
  ),
  top_p: optional(TopP, 1, `Nucleus: 1 keeps all tokens${notes.topP}.${alternative}`),
  top_k: Schema.optionalKey(
    TopK.annotate({
      description:
        `Sample among so many of the likeliest tokens; left out, among all. top_p counts within them.${alternative}`
    })
  ),
  max_new_tokens: optional(MaxNewTokens, 256, `Longest response, in tokens${notes.maxNewTokens}.${alternative}`)
})
