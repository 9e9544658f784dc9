import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inputDigest } from "../../../runtime/execution/InputDigest.ts"
import { Catalog } from "../../../runtime/lineage/Catalog.ts"
import { newStore } from "./inStore.ts"

const directory = () => {
  const path = mkdtempSync(join(tmpdir(), "gemflow-input-"))
  writeFileSync(join(path, "config.json"), "{}")
  return path
}

const digest = (path: string) =>
  inputDigest({ node: "checkpoint", field: "path", kind: "directory", path }).pipe(
    Effect.provide(Catalog.layer(newStore()))
  )

const unusable: Record<string, (path: string) => void> = {
  "a link that leads nowhere": (path) => symlinkSync("/nowhere", path),
  "a link to itself": (path) => symlinkSync("weights", path),
  "a link to a folder": (path) => {
    mkdirSync(`${path}-folder`)
    symlinkSync(`${path}-folder`, path)
  },
  "a link to a device": (path) => symlinkSync("/dev/zero", path),
  "a pipe that nobody writes": (path) => execFileSync("mkfifo", [path])
}

describe.skipIf(process.platform === "win32")("an input directory is refused with the name of what it holds", () => {
  it.effect.each(Object.entries(unusable))("%s", ([, make]) =>
    Effect.gen(function*() {
      const path = directory()
      make(join(path, "weights"))
      const error = yield* Effect.flip(digest(path))
      expect(error.message).toContain(`checkpoint.path: ${path}`)
      expect(error.message).toContain("weights")
      expect(error.message).toContain("--set checkpoint.path=PATH")
    }))

  it.effect("and what looks like the id of a model with how to download it", () =>
    Effect.gen(function*() {
      const folder = directory()
      const message = (path: string) => Effect.map(Effect.flip(digest(path)), ({ message }) => message)
      expect(yield* message(join(folder, "meta-llama", "Llama-3-8B"))).toContain(
        "huggingface-cli download meta-llama/Llama-3-8B --local-dir DIR"
      )
      mkdirSync(join(folder, "models"))
      for (const path of [join(folder, "models", "mine"), join(folder, "mine"), join(folder, "a", "b", "c")]) {
        expect(yield* message(path)).not.toContain("download")
      }
    }))

  it.effect("but a link to a file counts as the file", () =>
    Effect.gen(function*() {
      const [linked, plain] = [directory(), directory()]
      symlinkSync(join(linked, "config.json"), join(linked, "weights"))
      writeFileSync(join(plain, "weights"), "{}")
      expect(yield* digest(linked)).toBe(yield* digest(plain))
    }))
})

/** A file in a state that a minute has passed over, as far as its own times tell. */
const old = (path: string, text: string) => {
  writeFileSync(path, text)
  const before = new Date(Date.now() - 60_000)
  utimesSync(path, before, before)
}

describe("the digest of an input file", () => {
  const input = (path: string, kind: "file" | "directory" = "file") => ({ node: "pairs", field: "path", kind, path })
  const inCatalog = <A, E>(effect: Effect.Effect<A, E, Catalog>) => Effect.provide(effect, Catalog.layer(newStore()))
  const remembered = (path: string) => Effect.flatMap(Catalog, (catalog) => catalog.memo("file", path))

  it.effect("is not remembered while the file is so new that its next writing could have the same stamp", () =>
    inCatalog(Effect.gen(function*() {
      const path = join(directory(), "rows.jsonl")
      const seen: Array<string> = []
      // Each as long as the others, as fast as can be: on most file systems several get the same time.
      for (const text of ["1", "2", "3", "4", "5", "6", "7", "8"]) {
        writeFileSync(path, text)
        seen.push(yield* inputDigest(input(path)))
      }
      expect(new Set(seen).size).toBe(8)
      expect(yield* remembered(path)).toBeUndefined()
    })))

  it.live("is remembered when it has settled, and a file with the old time and size is read all the same", () =>
    inCatalog(Effect.gen(function*() {
      const path = join(directory(), "rows.jsonl")
      old(path, "one")
      // The time of the last change of the inode cannot be set, so it has to pass.
      yield* Effect.sleep(Number.isInteger(statSync(path).ctimeMs / 1000) ? 2_200 : 100)
      const first = yield* inputDigest(input(path))
      expect(yield* remembered(path)).toMatchObject({ digest: first })
      const { mtime } = statSync(path)
      writeFileSync(path, "two")
      utimesSync(path, mtime, mtime)
      expect(yield* inputDigest(input(path))).not.toBe(first)
    })))

  it.effect("of a directory changes with what it lists", () =>
    inCatalog(Effect.gen(function*() {
      const path = directory()
      const digest = inputDigest(input(path, "directory"))
      const one = yield* digest
      mkdirSync(join(path, "deep"))
      // An empty folder holds nothing that a node could read.
      expect(yield* digest).toBe(one)
      writeFileSync(join(path, "deep", "a"), "a")
      const two = yield* digest
      renameSync(join(path, "deep", "a"), join(path, "deep", "b"))
      const three = yield* digest
      renameSync(join(path, "deep", "b"), join(path, "b"))
      const four = yield* digest
      rmSync(join(path, "b"))
      expect(new Set([one, two, three, four]).size).toBe(4)
      expect(yield* digest).toBe(one)
    })))
})
