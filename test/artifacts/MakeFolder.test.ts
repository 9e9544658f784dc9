import { describe, expect, it } from "@effect/vitest"
import { existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeFolder } from "../../artifacts/MakeFolder.ts"

describe("makeFolder", () => {
  const root = mkdtempSync(join(tmpdir(), "gemflow-folder-"))

  it("makes what is missing, and leaves what is there", () => {
    makeFolder(join(root, "a", "b"))
    makeFolder(join(root, "a", "b"))
    expect(existsSync(join(root, "a", "b"))).toBe(true)
  })

  it("throws where a file stands in the way", () => {
    writeFileSync(join(root, "file"), "")
    expect(() => makeFolder(join(root, "file"))).toThrow(/EEXIST/)
    expect(() => makeFolder(join(root, "file", "below"))).toThrow(/ENOTDIR/)
  })

  it("throws, and returns, where folders cannot be made at all", () => {
    expect(() => makeFolder("/proc/gemflow-test/store")).toThrow(/ENOENT|EACCES|EROFS|EPERM/)
  })
})
