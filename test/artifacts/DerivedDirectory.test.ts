import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { derivedDirectory } from "../../artifacts/DerivedDirectory.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "gemflow-derived-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

/** Makes a directory with one file, and counts how often. */
const maker = (text: string) => {
  const counts = { made: 0 }
  const make = (folder: string) =>
    Effect.sync(() => {
      counts.made++
      fs.writeFileSync(path.join(folder, "file"), text)
    })
  return { counts, make }
}

describe("a derived directory", () => {
  it.effect("is made once for its key, also when asked for several times at once", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const { counts, make } = maker("text")
      const ask = derivedDirectory(root, { made: "test", of: [1, 2] }, make)
      const places = yield* Effect.all([ask, ask, ask], { concurrency: 3 })
      expect(new Set(places).size).toBe(1)
      expect(counts.made).toBe(1)
      expect(fs.readFileSync(path.join(places[0], "file"), "utf8")).toBe("text")
      expect(fs.readdirSync(path.join(root, "tmp"))).toEqual([])
      // Another key with the same content is made, and stored once.
      expect(yield* derivedDirectory(root, { made: "other" }, make)).toBe(places[0])
      expect(counts.made).toBe(2)
      expect(yield* derivedDirectory(root, { of: [1, 2], made: "test" }, make)).toBe(places[0])
      expect(counts.made).toBe(2)
    }))

  it.effect("is made again when its files are gone, or the entry is another's", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const { counts, make } = maker("text")
      const place = yield* derivedDirectory(root, "a", make)
      fs.rmSync(path.join(place, "file"))
      expect(yield* derivedDirectory(root, "a", make)).toBe(place)
      expect([counts.made, fs.existsSync(path.join(place, "file"))]).toEqual([2, true])
      yield* derivedDirectory(root, "b", make)
      const entries = fs.readdirSync(path.join(root, "derived"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".json")).map((name) => path.join(root, "derived", name))
      const [one = "", two = ""] = entries
      fs.copyFileSync(one, two)
      yield* derivedDirectory(root, "a", make)
      yield* derivedDirectory(root, "b", make)
      expect([entries.length, counts.made]).toEqual([2, 4])
    }))

  it.effect("that could not be made leaves nothing, and the next who asks makes it", () =>
    Effect.gen(function*() {
      const root = yield* temporary
      const half = (folder: string) =>
        Effect.suspend(() => {
          fs.writeFileSync(path.join(folder, "file"), "ha")
          return Effect.fail("broken" as const)
        })
      expect(yield* Effect.flip(derivedDirectory(root, "a", half))).toBe("broken")
      expect(fs.readdirSync(root)).toEqual(["tmp"])
      expect(fs.readdirSync(path.join(root, "tmp"))).toEqual([])
      const place = yield* derivedDirectory(root, "a", maker("whole").make)
      expect(fs.readFileSync(path.join(place, "file"), "utf8")).toBe("whole")
    }))
})
