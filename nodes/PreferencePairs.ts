/**
 * preference-pairs: preference data from a JSONL file, the triples (q, a+, a-) of GEM.
 *
 * Each line is an object with `prompt`, `chosen` and `rejected`, as texts or as chat-message lists, and optionally
 * `difficulty` (nodes/preferences/ParsePair.ts has the shapes). The file is taken as hostile: its size and that of its lines
 * are bounded, and the first line that is not a pair ends the node with the file, line number, field, what was expected
 * there and what was found. Equal prompts get an equal prompt_id.
 *
 * @errors UnusableFile, MalformedLine
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InputFile, Node } from "gemflow"
import { PreferencePairs as Pairs } from "gemflow/artifacts"
import { Count, documented, optional } from "./config/Field.ts"

export const PreferencePairs = Node.make("preference-pairs", {
  doc: "Reads preference pairs from a JSONL file.",
  module: import.meta.url,
  config: Schema.Struct({
    path: documented(InputFile, "The JSONL file."),
    limit: optional(Schema.NullOr(Count), null, "How many pairs to read, from the top of the file; null for all."),
    max_file_bytes: optional(Count, 2 ** 30, "The largest file that is read, in bytes."),
    max_line_bytes: optional(Count, 2 ** 20, "The longest line that is read, in bytes.")
  }),
  inputs: {},
  output: Pairs,
  determinism: "exact",
  run: Effect.fn("PreferencePairs.run")(function*({ config }) {
    const { readPairs } = yield* Effect.promise(() => import("./preferences/ReadPairs.ts"))
    return yield* readPairs(config)
  })
})
