/** What a family of models differs in from Llama: everything else is read from config.json alike (ConfigJson.ts). */
import type { ConfigJson } from "../../checkpoint/ConfigJson.ts"
import type { LinearLayer, ModelConfig } from "../ModelConfig.ts"

export type Traits = Pick<ModelConfig, "biases" | "queryKeyNorm" | "window">

export interface Architecture {
  /** `model_type` of config.json. */
  readonly modelType: string
  /** The class of transformers that runs it, as `architectures` of config.json names it. */
  readonly className: string
  /** The traits that a config.json of this family states, or has by the family's defaults. */
  readonly traits: (json: ConfigJson) => Traits
  /** The fields of a new config.json that state the traits. */
  readonly fields: (config: ModelConfig) => Readonly<Record<string, unknown>>
}

/** The layers with a bias, where there are any. */
export const withBiases = (biases: ReadonlyArray<LinearLayer>): Pick<Traits, "biases"> =>
  biases.length === 0 ? {} : { biases }
