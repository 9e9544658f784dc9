/**
 * Random edits of the rows that mapped nodes read, against recomputing everything: the same results, and no node is ever
 * asked twice for the same rows.
 */
import { expect, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore } from "../../../artifacts/ArtifactStore.ts"
import { clear, Counts, log, Words } from "../../fixtures/pipelines/mapped/nodes.ts"
import { wordsPipeline } from "../../fixtures/pipelines/mapped/wordsPipeline.ts"
import { newStore, runPipeline, storeLayer } from "./inStore.ts"

/** A prompt with the number of its words, which changes when the prompt is edited. */
type Prompt = readonly [id: number, words: number]

const Edit = Schema.Struct({
  what: Schema.Literals(["append", "insert", "remove", "change", "move", "revert"]),
  at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
})

const added = (state: ReadonlyArray<Prompt>, count: number): ReadonlyArray<Prompt> => {
  const next = 1 + Math.max(-1, ...state.map(([id]) => id))
  return Array.from({ length: count }, (_, index): Prompt => [next + index, 1 + (next + index) % 3])
}

const edited = (
  state: ReadonlyArray<Prompt>,
  before: ReadonlyArray<Prompt>,
  { at, count, what }: typeof Edit.Type
): ReadonlyArray<Prompt> => {
  const place = at % (state.length + 1)
  switch (what) {
    case "append":
      return [...state, ...added(state, count)]
    case "insert":
      return state.toSpliced(place, 0, ...added(state, count))
    case "remove":
      return state.toSpliced(place, count)
    case "change":
      return state.map(([id, words], index): Prompt => [id, index === place ? words + 1 : words])
    case "move":
      return [...state.slice(place), ...state.slice(0, place)]
    case "revert":
      return before
  }
}

const rowsOf = (state: ReadonlyArray<Prompt>) =>
  state.flatMap(([id, words]) =>
    Array.from({ length: words }, (_, index) => ({ prompt_id: `p${id}`, word: `word-${id}-${index}` }))
  )

it.effect.prop(
  "mapped nodes make what they make of the whole, and nothing twice, whatever happens to the rows",
  [Arbitrary.schema(Schema.Array(Edit).check(Schema.isMinLength(4), Schema.isMaxLength(6)))],
  ([edits]) => {
    const folder = mkdtempSync(join(tmpdir(), "gemflow-partitions-"))
    const files = { words: join(folder, "words.txt"), suffixes: join(folder, "suffixes.txt") }
    writeFileSync(files.suffixes, "x ?")
    const pipeline = wordsPipeline(files)
    return Effect.gen(function*() {
      clear()
      const store = yield* ArtifactStore
      let [before, state]: [ReadonlyArray<Prompt>, ReadonlyArray<Prompt>] = [[], added([], 12)]
      for (const edit of [undefined, ...edits]) {
        if (edit !== undefined) [before, state] = [state, edited(state, before, edit)]
        writeFileSync(files.words, rowsOf(state).map(({ prompt_id, word }) => `${prompt_id} ${word}`).join("\n"))
        const { result } = yield* runPipeline(pipeline)
        const shouted = yield* store.get(Words, result.outputs.get("shout") ?? "")
        expect(shouted.rows()).toEqual(
          rowsOf(state).map(({ prompt_id, word }) => ({ prompt_id, word: `${word.toUpperCase()}?!` }))
        )
        const counts = yield* store.get(Counts, result.outputs.get("count") ?? "")
        expect(counts.rows()).toEqual(state.map(([id, words]) => ({ prompt_id: `p${id}`, words })))
      }
      for (const node of ["shout", "count"]) {
        const asked = log.calls.filter((call) => call.node === node).map(({ rows }) => rows)
        expect(asked.length).toBe(new Set(asked).size)
      }
    }).pipe(
      Effect.provide(storeLayer(newStore())),
      Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true })))
    )
  },
  { arbitrary: { runs: Number(process.env["GEMFLOW_TEST_RUNS"] ?? 4) } }
)
