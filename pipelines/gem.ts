/**
 * GEM end to end (arXiv 2511.13007): the policy's own token entropies rank its chains of thought, and SEGA turns the ranking
 * into a policy gradient. No reward model, few preference pairs.
 *
 * The demo policy is tiny (half a million weights, made from nothing by pipelines/demo-policy.ts), so learning rates are larger
 * than the paper's 1e-5 and batches smaller than its 128 prompts. lambda is 0.1 and not the released code's 1.0: the text the
 * policy was trained on has no fruitful branching, and its branching entropy tells slips rather than insight. What is not set
 * here has the default of its node.
 */
import { pipeline, rounds } from "gemflow"
import {
  Advantage,
  Checkpoint,
  EntropyScore,
  EvaluateAnswers,
  EvaluatePreferences,
  Filter,
  PreferencePairs,
  Rank,
  ReflectiveSft,
  Report,
  Sample,
  Split,
  Update
} from "gemflow/nodes"

export default pipeline("gem", () => {
  const pairs = PreferencePairs({ path: "pipelines/demo/preference-pairs.jsonl" })
  const train = Split({ part: "train", held_out: 0.3 }, { pairs }, { name: "training-pairs" })
  const heldOut = Split({ part: "held-out", held_out: 0.3 }, { pairs }, { name: "held-out-pairs" })

  const base = Checkpoint({ path: "pipelines/demo/policy" })
  const sft = ReflectiveSft({ batch_pairs: 16, learning_rate: 5e-5 }, { policy: base, pairs: train })

  const gem = rounds.all(4, sft, (policy, round) => {
    const candidates = Sample(
      { candidates: 10, temperature: 1, max_new_tokens: 80, seed: round },
      { policy, pairs: train }
    )
    const scores = EntropyScore({ lambda: 0.1 }, { candidates })
    const ranking = Rank({ model: "trueskill" }, { scores })
    const kept = Filter({}, { ranking })
    const advantages = Advantage({}, { ranking: kept })
    return Update(
      { batch_prompts: 16, learning_rate: 1e-4, schedule: "linear", warmup_steps: 4 },
      { policy, candidates, advantages }
    )
  })

  const stages = [
    { label: "base", policy: base },
    { label: "sft", policy: sft },
    ...gem.map((policy, index) => ({ label: `gem round ${index + 1}`, policy }))
  ]
  return Report({}, {
    answers: stages.map(({ label, policy }) =>
      EvaluateAnswers(
        { label, samples: 8, temperature: 1, max_new_tokens: 80, without_answer: "skip" },
        { policy, pairs: heldOut },
        { name: `answers-${label.replaceAll(" ", "-")}` }
      )
    ),
    preferences: stages.map(({ label, policy }) =>
      EvaluatePreferences({ label }, { policy, pairs: heldOut }, { name: `preferences-${label.replaceAll(" ", "-")}` })
    )
  })
})
