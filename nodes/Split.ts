/**
 * split: one side of a split of the pairs into training and held-out data, by prompt: the pairs of one prompt are never on
 * both sides (docs/decisions/0004-held-out-by-prompt.md).
 *
 * Prompts are ordered by a digest of the seed and the prompt's id, and the first round(held_out * prompts) of that order, at
 * least one and not all, are held out. The side of a prompt does not depend on the order of the lines; a data set that
 * grows moves only prompts near the boundary.
 *
 * @errors EmptyPart for fewer than two distinct prompts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { digestJson, PreferencePairs } from "gemflow/artifacts"
import { documented, OpenShare, optional, Seed } from "./config/Field.ts"
import { EmptyPart } from "./preferences/PreferencesError.ts"

export const Split = Node.make("split", {
  doc: "Keeps the training or the held-out part of the pairs, split by prompt.",
  module: import.meta.url,
  config: Schema.Struct({
    part: documented(Schema.Literals(["train", "held-out"]), "Which part to keep."),
    held_out: optional(OpenShare, 0.1, "Share of the distinct prompts that are held out."),
    seed: optional(Seed, 0, "Another seed holds out other prompts. Both parts must use the same.")
  }),
  inputs: { pairs: PreferencePairs },
  output: PreferencePairs,
  determinism: "exact",
  run: Effect.fn("Split.run")(function*({ config, inputs }) {
    const { held_out, part, seed } = config
    const pairs = inputs.pairs.rows()
    const prompts = [...new Set(pairs.map(({ prompt_id }) => prompt_id))]
    if (prompts.length < 2) return yield* new EmptyPart({ prompts: prompts.length })

    const place = new Map(prompts.map((prompt_id) => [prompt_id, digestJson({ seed, prompt_id })]))
    const order = prompts.toSorted((a, b) => (place.get(a) ?? "") < (place.get(b) ?? "") ? -1 : 1)
    const count = Math.min(prompts.length - 1, Math.max(1, Math.round(held_out * prompts.length)))
    const heldOut = new Set(order.slice(0, count))
    return pairs.filter(({ prompt_id }) => heldOut.has(prompt_id) === (part === "held-out"))
  })
})
