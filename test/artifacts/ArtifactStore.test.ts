import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import * as Column from "../../artifacts/Column.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"

const Scores = TableType.make("Scores", {
  id: Column.utf8({ doc: "id" }),
  score: Column.float64({ doc: "score", unit: "nats" }),
  terms: Column.list(Column.float32(), { nullable: true })
})
const scores = (seed: number) =>
  Table.fromRows(Scores, [
    { id: "a", score: seed, terms: Float32Array.of(1, 2) },
    { id: "b", score: seed + 1, terms: null }
  ])

const Weights = TableType.make("Weights", { checkpoint: Column.digest({ doc: "checkpoint" }) })

const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "gemflow-store-"))),
  (folder) =>
    Effect.sync(() => {
      fs.chmodSync(folder, 0o755)
      fs.rmSync(folder, { recursive: true, force: true })
    })
)

/** Runs a test against a store in a temporary folder, opened anew for each `reopen` as another process would. */
const withStore = <A, E>(
  test: (context: {
    readonly root: string
    readonly store: ArtifactStore["Service"]
    readonly reopen: Effect.Effect<ArtifactStore["Service"]>
  }) => Effect.Effect<A, E>
) =>
  Effect.scoped(Effect.gen(function*() {
    const root = yield* temporary
    const reopen = Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(root))
    return yield* test({ root, store: yield* reopen, reopen })
  }))

const quarantined = (root: string) =>
  fs.existsSync(path.join(root, "quarantine")) ? fs.readdirSync(path.join(root, "quarantine")) : []

describe("tables", () => {
  it.effect("come back as they were put, by their digest", () =>
    withStore(({ reopen, root, store }) =>
      Effect.gen(function*() {
        const table = yield* scores(1)
        const ref = yield* store.put(table)
        expect(ref).toMatchObject({ table: "Scores", numRows: 2, directories: [] })
        expect(Object.keys(ref.columns)).toEqual(["id", "score", "terms"])
        expect(store.path(ref.digest)).toBe(
          path.join(root, "objects", ref.digest.slice(0, 2), ref.digest, "table.arrow")
        )
        expect(ref.bytes).toBe(fs.statSync(store.path(ref.digest)).size)

        const other = yield* reopen
        expect(yield* other.has(ref.digest)).toBe(true)
        expect(yield* other.verify(ref.digest)).toBe(true)
        expect(yield* other.describe(ref.digest)).toEqual(ref)
        expect((yield* other.get(Scores, ref.digest)).rows()).toEqual(table.rows())
        const picked = yield* other.get(TableType.pick(Scores, "score"), ref.digest)
        expect(Object.keys((yield* other.open(ref.digest, ["terms", "id", "nothing"])).type.columns)).toEqual([
          "id",
          "terms"
        ])
        expect(picked.rows()).toEqual([{ score: 1 }, { score: 2 }])
        expect((yield* other.open(ref.digest)).type).toEqual(Scores)
        expect(fs.readdirSync(path.join(root, "tmp"))).toEqual([])
      })
    ))

  it.effect("put twice are stored once, with the same digest", () =>
    withStore(({ root, store }) =>
      Effect.gen(function*() {
        const first = yield* store.put(yield* scores(1))
        const before = fs.statSync(store.path(first.digest)).ino
        const second = yield* store.put(yield* scores(1))
        expect(second).toEqual(first)
        expect(fs.statSync(store.path(first.digest)).ino).toBe(before)
        yield* store.put(yield* scores(2))
        expect(
          fs.readdirSync(path.join(root, "objects"), { recursive: true }).filter((name) =>
            String(name).endsWith(".arrow")
          )
        )
          .toHaveLength(2)
      })
    ))

  it.effect("without rows are stored too", () =>
    withStore(({ reopen, store }) =>
      Effect.gen(function*() {
        const ref = yield* store.put(yield* Table.fromRows(Scores, []))
        expect((yield* (yield* reopen).get(Scores, ref.digest)).rows()).toEqual([])
      })
    ))

  it.effect("that were never stored are absent", () =>
    withStore(({ store }) =>
      Effect.gen(function*() {
        for (const digest of ["0".repeat(64), "../../etc/passwd", ""]) {
          expect(yield* store.has(digest)).toBe(false)
          expect(yield* store.verify(digest)).toBe(false)
          expect((yield* Effect.flip(store.get(Scores, digest)))._tag).toBe("ArtifactAbsent")
        }
      })
    ))

  it.effect("of another type are a mismatch that names the column", () =>
    withStore(({ store }) =>
      Effect.gen(function*() {
        const { digest } = yield* store.put(yield* scores(1))
        const error = yield* Effect.flip(store.get(TableType.make("Scores", { score: Column.int32() }), digest))
        expect(error.message).toContain("Table Scores, column score: expected int32")
      })
    ))
})

describe("a damaged object", () => {
  const damages: ReadonlyArray<readonly [string, (file: string) => void]> = [
    ["cut short", (file) => fs.truncateSync(file, fs.statSync(file).size - 20)],
    ["cut to nothing", (file) => fs.truncateSync(file, 0)],
    ["appended to", (file) => fs.appendFileSync(file, "x")]
  ]
  it.effect.each(damages)(
    "%s is found by a look, quarantined and absent",
    ([, damage]) =>
      withStore(({ reopen, root, store }) =>
        Effect.gen(function*() {
          const { digest } = yield* store.put(yield* scores(1))
          damage(store.path(digest))
          expect(yield* (yield* reopen).has(digest)).toBe(false)
          expect(quarantined(root)).toHaveLength(1)
          const again = yield* store.put(yield* scores(1))
          expect(again.digest).toBe(digest)
          expect(yield* (yield* reopen).verify(digest)).toBe(true)
        })
      )
  )

  it.effect("with a value altered is found when read or verified, and by the process that wrote it", () =>
    withStore(({ reopen, root, store }) =>
      Effect.gen(function*() {
        for (const find of ["get", "verify", "same process"]) {
          const { digest } = yield* store.put(yield* scores(1234.5))
          const file = store.path(digest)
          const bytes = fs.readFileSync(file)
          const value = Buffer.alloc(8)
          value.writeDoubleLE(1234.5)
          const place = bytes.indexOf(value)
          expect(place).toBeGreaterThan(0)
          bytes.writeDoubleLE(99, place)
          fs.writeFileSync(file, bytes)
          const other = find === "same process" ? store : yield* reopen
          expect(yield* other.has(digest)).toBe(true)
          if (find === "verify") {
            expect(yield* other.verify(digest)).toBe(false)
          } else {
            const error = yield* Effect.flip(other.get(Scores, digest))
            expect(error.message).toMatch(/altered.*quarantine.*Run the pipeline again/)
          }
          expect(yield* other.has(digest)).toBe(false)
        }
        expect(quarantined(root)).toHaveLength(3)
      })
    ))

  it.effect("whose manifest is damaged is absent", () =>
    withStore(({ reopen, store }) =>
      Effect.gen(function*() {
        const { digest } = yield* store.put(yield* scores(1))
        const manifest = path.join(path.dirname(store.path(digest)), "manifest.json")
        fs.writeFileSync(manifest, fs.readFileSync(manifest, "utf8").replace("\"numRows\":2", "\"numRows\":3"))
        expect(yield* (yield* reopen).has(digest)).toBe(false)
      })
    ))

  it.effect("that lost its manifest is absent and can be put again", () =>
    withStore(({ store }) =>
      Effect.gen(function*() {
        const { digest } = yield* store.put(yield* scores(1))
        fs.rmSync(path.join(path.dirname(store.path(digest)), "manifest.json"))
        expect(yield* store.has(digest)).toBe(false)
        yield* store.put(yield* scores(1))
        expect(yield* store.verify(digest)).toBe(true)
      })
    ))
})

describe("directories", () => {
  const source = (root: string, content: Record<string, string>) => {
    const folder = fs.mkdtempSync(path.join(root, "source-"))
    for (const [name, text] of Object.entries(content)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
      fs.writeFileSync(path.join(folder, name), text)
    }
    return folder
  }

  it.effect("are copied, and named by paths and contents", () =>
    withStore(({ reopen, root, store }) =>
      Effect.gen(function*() {
        const files = { "config.json": "{}", "a/model.bin": "weights" }
        const digest = yield* store.putDirectory(source(root, files))
        expect(yield* store.putDirectory(source(root, files))).toBe(digest)
        expect(yield* store.putDirectory(source(root, { ...files, "a/model.bin": "weightz" }))).not.toBe(digest)
        expect(yield* store.putDirectory(source(root, { "config.json": "{}", "b/model.bin": "weights" }))).not.toBe(
          digest
        )
        const place = yield* (yield* reopen).directoryPath(digest)
        expect(fs.readFileSync(path.join(place, "a/model.bin"), "utf8")).toBe("weights")
        expect(fs.readdirSync(path.join(root, "tmp"))).toEqual([])
      })
    ))

  it.effect("have links to files followed and links to folders refused", () =>
    withStore(({ root, store }) =>
      Effect.gen(function*() {
        const plain = source(root, { "model.bin": "weights" })
        const linked = source(root, {})
        fs.symlinkSync(path.join(plain, "model.bin"), path.join(linked, "model.bin"))
        expect(yield* store.putDirectory(linked)).toBe(yield* store.putDirectory(plain))
        fs.symlinkSync(linked, path.join(linked, "loop"))
        const error = yield* Effect.flip(store.putDirectory(linked))
        expect(error.message).toContain("loop is neither a file nor a folder")
      })
    ))

  it.effect("that do not exist are an error", () =>
    withStore(({ root, store }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(store.putDirectory(path.join(root, "nowhere")))
        expect(error.message).toMatch(/Cannot read a directory at .*nowhere.*Check that the path exists/)
      })
    ))

  it.effect("make a table that refers to them absent when they are not whole", () =>
    withStore(({ root, store }) =>
      Effect.gen(function*() {
        const folder = source(root, { "model.bin": "weights" })
        const directory = yield* store.putDirectory(folder)
        const table = yield* Table.fromRows(Weights, [{ checkpoint: directory }])
        const ref = yield* store.put(table)
        expect(ref.directories).toEqual([directory])
        expect(yield* store.has(ref.digest)).toBe(true)

        const place = yield* store.directoryPath(directory)
        fs.writeFileSync(path.join(place, "model.bin"), "weight")
        expect(yield* store.has(ref.digest)).toBe(false)
        expect((yield* Effect.flip(store.directoryPath(directory)))._tag).toBe("ArtifactAbsent")

        fs.writeFileSync(path.join(place, "model.bin"), "weightz")
        expect(yield* store.verify(directory)).toBe(false)
        expect(quarantined(root)).toHaveLength(2)
        expect(yield* store.putDirectory(folder)).toBe(directory)
        expect(yield* store.verify(directory)).toBe(true)
        expect(yield* store.has(ref.digest)).toBe(true)
      })
    ))

  it.effect("left without a manifest by a kill are kept when whole and replaced when not", () =>
    withStore(({ root, store }) =>
      Effect.gen(function*() {
        const folder = source(root, { "model.bin": "weights" })
        const directory = yield* store.putDirectory(folder)
        const place = yield* store.directoryPath(directory)
        for (const left of ["weights", "torn"]) {
          fs.rmSync(`${place}.json`)
          fs.writeFileSync(path.join(place, "model.bin"), left)
          expect(yield* store.has(directory)).toBe(false)
          expect(yield* store.putDirectory(folder)).toBe(directory)
          expect(yield* store.verify(directory)).toBe(true)
        }
      })
    ))

  it.effect("must be stored before a table that refers to them", () =>
    withStore(({ store }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(store.put(yield* Table.fromRows(Weights, [{ checkpoint: "0".repeat(64) }])))
        expect(error.message).toMatch(/store a table of type Weights.*directory 0000.*not stored/)
      })
    ))
})

describe("a store that cannot be written", () => {
  it.effect("says so, and what to do, before any work", () =>
    withStore(({ root }) =>
      Effect.gen(function*() {
        // A file where the store's folder should be stops even the superuser.
        const blocked = path.join(root, "blocked")
        fs.writeFileSync(blocked, "")
        const store = yield* Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(blocked))
        for (const attempt of [store.prepare, store.put(yield* scores(1)), store.putDirectory(root)]) {
          const error = yield* Effect.flip(
            attempt as Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>
          )
          expect(error._tag).toBe("StoreError")
          expect(error.message).toMatch(/blocked.*move it, or choose another store with --store\.$/)
        }
        expect(fs.readFileSync(blocked, "utf8")).toBe("")
      })
    ))

  it.effect.skipIf(process.getuid?.() === 0)(
    "for lack of permission says so too",
    () =>
      withStore(({ root, store }) =>
        Effect.gen(function*() {
          fs.chmodSync(root, 0o555)
          expect((yield* Effect.flip(store.prepare)).message).toContain("permission to write there")
        })
      )
  )
})

describe("several processes", () => {
  const run = promisify(execFile)

  it.effect(
    "put the same and different tables and directories at once, and all are whole",
    () =>
      withStore(({ root, store }) =>
        Effect.gen(function*() {
          const writer = path.join(import.meta.dirname, "fixtures", "store-writer.ts")
          const outputs = yield* Effect.promise(() =>
            Promise.all(
              Array.from({ length: 3 }, (_, index) =>
                run(process.execPath, ["--conditions=gemflow-source", writer, root, String(index)]))
            )
          )
          const digests = outputs.map(({ stdout }) =>
            JSON.parse(stdout) as ReadonlyArray<string>
          )
          const distinct = new Set(digests.flat())
          // Of each process 3 tables of its own; 3 tables and a directory that all of them put.
          expect(distinct.size).toBe(3 * 3 + 3 + 1)
          for (const digest of distinct) expect(yield* store.verify(digest)).toBe(true)
          expect(fs.readdirSync(path.join(root, "tmp"))).toEqual([])
          expect(quarantined(root)).toEqual([])
        })
      ),
    20_000
  )
})
