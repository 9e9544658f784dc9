/**
 * What gem.ts and the baselines have in common: the demo data, its split, the SFT policy that all begin from, and the
 * evaluations. The nodes are those of gem.ts, field by field, so one store computes them once for all.
 */
import { type Handle, pipeline } from "gemflow"
import type { Policy, PreferencePairs as Pairs } from "gemflow/artifacts"
import {
  Checkpoint,
  EvaluateAnswers,
  EvaluatePreferences,
  PreferencePairs,
  ReflectiveSft,
  Report,
  Split
} from "gemflow/nodes"

/** What a method begins with. */
export interface Given {
  readonly sft: Handle<typeof Policy>
  readonly train: Handle<typeof Pairs>
  readonly heldOut: Handle<typeof Pairs>
}

/** The pipeline of a method: its policies by the labels they have in the report. */
export const comparison = (
  name: string,
  method: (given: Given) => Readonly<Record<string, Handle<typeof Policy>>>
) =>
  pipeline(name, () => {
    const pairs = PreferencePairs({ path: "pipelines/demo/preference-pairs.jsonl" })
    const train = Split({ part: "train", held_out: 0.3 }, { pairs }, { name: "training-pairs" })
    const heldOut = Split({ part: "held-out", held_out: 0.3 }, { pairs }, { name: "held-out-pairs" })

    const base = Checkpoint({ path: "pipelines/demo/policy" })
    const sft = ReflectiveSft({ batch_pairs: 16, learning_rate: 5e-5 }, { policy: base, pairs: train })

    const stages = Object.entries({ base, sft, ...method({ sft, train, heldOut }) })
    return Report({}, {
      answers: stages.map(([label, policy]) =>
        EvaluateAnswers(
          { label, samples: 8, temperature: 1, max_new_tokens: 80, without_answer: "skip" },
          { policy, pairs: heldOut },
          { name: `answers-${label.replaceAll(" ", "-")}` }
        )
      ),
      preferences: stages.map(([label, policy]) =>
        EvaluatePreferences({ label }, { policy, pairs: heldOut }, {
          name: `preferences-${label.replaceAll(" ", "-")}`
        })
      )
    })
  })
