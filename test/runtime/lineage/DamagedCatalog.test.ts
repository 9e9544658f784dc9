import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { copyFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { artifactLineage, artifactUses, resolveArtifact } from "../../../runtime/lineage/ArtifactLineage.ts"
import { Catalog, catalogPath } from "../../../runtime/lineage/Catalog.ts"
import { keyedExecutions, nodeState, runExecutions } from "../../../runtime/lineage/History.ts"
import { listedRuns, runRows } from "../../../runtime/lineage/RunList.ts"
import { resolveRun } from "../../../runtime/lineage/RunReference.ts"
import { explainChange, inRun } from "../../../runtime/lineage/Why.ts"
import numbers from "../../fixtures/pipelines/numbers/numbers.ts"
import { newStore, runPipeline, storeLayer } from "../execution/inStore.ts"

/** Questions as the commands ask them, each with its whole answer. */
type Name = "runs" | "nodes" | "history" | "state" | "why" | "uses" | "down" | "up"
const questions: Readonly<Record<Name, Effect.Effect<unknown, Error, Catalog>>> = {
  runs: Effect.flatMap(listedRuns, runRows),
  nodes: Effect.flatMap(resolveRun("last~1"), runExecutions),
  history: keyedExecutions("numbers", "total"),
  state: Effect.flatMap(resolveRun("last"), ({ run }) => nodeState(run, "total")),
  why: Effect.flatMap(
    Effect.all([resolveRun("last~1"), resolveRun("last")]),
    ([before, after]) => explainChange("total", inRun(before.run), inRun(after.run))
  ),
  uses: Effect.flatMap(outputOf("numbers"), (digest) => Effect.flatMap(resolveArtifact(digest), artifactUses)),
  down: Effect.flatMap(outputOf("numbers"), (digest) => artifactLineage(digest, "down")),
  up: Effect.flatMap(outputOf("total"), (digest) => artifactLineage(digest, "up"))
}

function outputOf(node: string) {
  return Effect.gen(function*() {
    const { run } = yield* resolveRun("last")
    return (yield* nodeState(run, node))?.execution.output ?? ""
  })
}

/** Cached answers: what a key gave, or nothing, which a run computes anew. */
const actionOf = (key: string) => Effect.flatMap(Catalog, (catalog) => catalog.action(key))

/** An answer as text, or the error's sentence. A defect is neither. */
const ask = <A, E extends Error>(store: string, question: Effect.Effect<A, E, Catalog>) =>
  Effect.map(Effect.exit(Effect.provide(question, Catalog.layerReader(store))), (exit) => {
    if (Exit.isSuccess(exit)) return { answer: JSON.stringify(exit.value) ?? "nothing" }
    const error = Cause.squash(exit.cause)
    if (error instanceof Error && "_tag" in error) return { refusal: error.message }
    throw error
  })

/** A catalog of three runs, two of them alike, in one file. */
const whole = await Effect.runPromise(Effect.gen(function*() {
  const store = newStore()
  const run = (set: ReadonlyArray<string>) => Effect.provide(runPipeline(numbers, { set }), storeLayer(store))
  yield* run([])
  yield* run([])
  yield* run(["scale.factor=3"])
  const database = new DatabaseSync(catalogPath(store))
  database.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
  const keys = database.prepare("SELECT key_digest FROM actions").all().map((row) => String(row["key_digest"]))
  database.close()
  const expected = new Map<string, string>()
  for (const [name, question] of Object.entries(questions)) {
    const asked = yield* ask(store, question)
    if (asked.answer === undefined) throw new Error(`${name}: ${asked.refusal}`)
    expected.set(name, asked.answer)
  }
  for (const key of keys) expected.set(key, (yield* ask(store, actionOf(key))).answer ?? "")
  return { file: catalogPath(store), size: readFileSync(catalogPath(store)).length, keys, expected }
}))

/** Numbers that look random and are the same in every run of the test. */
const randomOf = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

const damagedCopy = (damage: (file: string) => void) => {
  const store = mkdtempSync(join(tmpdir(), "gemflow-damaged-"))
  copyFileSync(whole.file, catalogPath(store))
  damage(catalogPath(store))
  return store
}

/** Asks everything of a damaged catalog: each answer is the one that was given before, or a named error. */
const examine = Effect.fnUntraced(function*(store: string) {
  const wrong: Array<string> = []
  let refused = 0
  for (const [name, question] of Object.entries(questions)) {
    const { answer, refusal } = yield* ask(store, question)
    if (refusal !== undefined) refused++
    else if (answer !== whole.expected.get(name)) wrong.push(`${name}: ${answer}`)
  }
  for (const key of whole.keys) {
    const { answer, refusal } = yield* ask(store, actionOf(key))
    if (refusal !== undefined) refused++
    else if (answer !== "nothing" && answer !== whole.expected.get(key)) wrong.push(`${key}: ${answer}`)
  }
  return { refused, wrong }
})

describe("a damaged catalog", () => {
  it.effect("never gives another answer after bits flipped", () =>
    Effect.gen(function*() {
      let noticed = 0
      for (let seed = 1; seed <= 60; seed++) {
        const random = randomOf(seed)
        const store = damagedCopy((file) => {
          const bytes = readFileSync(file)
          for (let flips = 1 + random(4); flips > 0; flips--) {
            const place = random(bytes.length)
            bytes[place] = (bytes[place] ?? 0) ^ (1 << random(8))
          }
          writeFileSync(file, bytes)
        })
        const { refused, wrong } = yield* examine(store)
        expect(wrong, `seed ${seed}`).toEqual([])
        if (refused > 0) noticed++
      }
      // Most of a file is used: a test that never hits anything would prove nothing.
      expect(noticed).toBeGreaterThan(10)
    }))

  it.effect("never gives another answer after it was cut", () =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= 12; seed++) {
        const store = damagedCopy((file) => truncateSync(file, 1 + randomOf(seed)(whole.size - 1)))
        const { refused, wrong } = yield* examine(store)
        expect(wrong, `seed ${seed}`).toEqual([])
        expect(refused).toBeGreaterThan(0)
      }
    }))

  it.effect("is named, with how to set it aside; a run then computes anew", () =>
    Effect.gen(function*() {
      const store = damagedCopy((file) => {
        const text = readFileSync(file)
        const place = text.indexOf(whole.keys[0] ?? "")
        text[place] = (text[place] ?? 0) ^ 1
        writeFileSync(file, text)
      })
      const refusals = yield* Effect.forEach(Object.values(questions), (question) => ask(store, question))
      const told = refusals.map(({ refusal = "" }) => refusal).find((refusal) => refusal.includes("damaged"))
      expect(told).toContain(`mv ${catalogPath(store)} ${catalogPath(store)}.damaged`)
      expect(told).toContain("artifacts stay in the store")
    }))

  it.effect("does not miss rows that an index no longer leads to", () =>
    Effect.gen(function*() {
      const store = damagedCopy((file) => {
        const database = new DatabaseSync(file)
        database.exec(
          "PRAGMA recursive_triggers = OFF; DROP TRIGGER untally_reader; DROP TRIGGER untally_run; PRAGMA foreign_keys = OFF; "
            + "DELETE FROM derivations WHERE node = 'scale'; DELETE FROM executions WHERE node = 'sign'; "
            + "DELETE FROM execution_inputs WHERE node = 'total'; DELETE FROM runs WHERE rowid = 2"
        )
        database.close()
      })
      for (const name of ["runs", "nodes", "state", "down"] as const) {
        const { answer, refusal } = yield* ask(store, questions[name])
        expect([name, answer]).toEqual([name, undefined])
        expect(refusal).toContain("are missing: the file is damaged")
      }
    }))
})
