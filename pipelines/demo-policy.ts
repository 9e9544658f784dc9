/**
 * How the embedded demo policy was made, from nothing: a generated corpus, a tokenizer trained on it, a Llama of half a
 * million random weights, one pass of pretraining (about a quarter of an hour on two cores). What it made ships beside it, so
 * `npm start` pretrains nothing:
 *
 *     gemflow run pipelines/demo-policy.ts
 *     gemflow export pipelines/demo-policy.ts pretrain pipelines/demo/policy
 *     gemflow export pipelines/demo-policy.ts demo-pairs pipelines/demo/preference-pairs.jsonl
 */
import { pipeline } from "gemflow"
import { DemoCorpus } from "./demo/DemoCorpus.ts"
import { DemoPairs } from "./demo/DemoPairs.ts"
import { DemoTokenizer } from "./demo/DemoTokenizer.ts"
import { Pretrain } from "./demo/Pretrain.ts"
import { RandomPolicy } from "./demo/RandomPolicy.ts"

export default pipeline("demo-policy", () => {
  const documents = DemoCorpus({ documents: 96_000, seed: 1000 })
  const tokenizer = DemoTokenizer({ documents: 20_000 }, { documents })
  const initial = RandomPolicy({
    hidden_size: 128,
    intermediate_size: 256,
    layers: 3,
    heads: 4,
    key_value_heads: 2,
    context_length: 512,
    initializer_range: 0.08,
    seed: 0
  }, { tokenizer })
  const policy = Pretrain({
    batch_documents: 16,
    learning_rate: 1.5e-3,
    schedule: "cosine",
    warmup_steps: 100,
    weight_decay: 0.01,
    beta2: 0.98
  }, { policy: initial, documents })

  // Sums that pretraining never saw, each once: gem.ts splits these pairs by prompt in training and held-out ones.
  DemoPairs({ pairs: 400, seed: 21, held_out: true })
  return policy
})
