import { type Graph, graph, input, output } from "../../onnx/Graph.ts"
import { tokenLogProbs } from "../head/TokenLogProbs.ts"
import { hiddenStates } from "../model/CausalAttention.ts"
import type { ModelConfig } from "../model/ModelConfig.ts"
import type { WeightSource } from "../model/Weights.ts"

/**
 * Scores responses: `tokens` int32 [batch, length], `positions` and `targets` int32 [predictions] (see SequenceBatch)
 * to `logProbs` and `entropies` float32 [predictions], in nats.
 *
 * @param most the most predictions of any run.
 */
export const scoreProgram = (config: ModelConfig, source: WeightSource, most?: number): Graph => {
  const program = graph("score")
  const tokens = input(program, "tokens", "int32", ["batch", "length"])
  const positions = input(program, "positions", "int32", ["predictions"])
  const targets = input(program, "targets", "int32", ["predictions"])
  const weights = source(program)
  const hidden = hiddenStates(config, weights, tokens, { positions })
  const { entropies, logProbs } = tokenLogProbs(config, weights, hidden, targets, most)
  output("logProbs", logProbs)
  output("entropies", entropies)
  return program
}
