import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** Preference pairs: to one prompt, a response that was preferred and one that was not. A row is a line of the data. */
export const PreferencePairs = TableType.make("PreferencePairs", {
  pair_id: Column.utf8({ doc: "Stable id of the pair.", id: true }),
  prompt_id: Shared.promptId,
  line: Column.int32({ doc: "Line of the source file that holds the pair, from 1." }),
  prompt: Shared.prompt,
  chosen: Column.utf8({ doc: "The preferred response." }),
  rejected: Column.utf8({ doc: "The response that was not preferred." }),
  difficulty: Shared.difficulty
})
