import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
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

  it.effect("but a link to a file counts as the file", () =>
    Effect.gen(function*() {
      const [linked, plain] = [directory(), directory()]
      symlinkSync(join(linked, "config.json"), join(linked, "weights"))
      writeFileSync(join(plain, "weights"), "{}")
      expect(yield* digest(linked)).toBe(yield* digest(plain))
    }))
})
