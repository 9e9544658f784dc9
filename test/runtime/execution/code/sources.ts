/** Small projects in temporary folders, of which the code that a node reaches is looked at. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { type ReachedCode, reachedCode } from "../../../../runtime/execution/code/ReachedCode.ts"
import { CodeNotTraceable } from "../../../../runtime/execution/CodeNotTraceable.ts"

export type Files = Readonly<Record<string, string>>

export interface Sources {
  readonly root: string
  readonly write: (files: Files) => void
  readonly link: (target: string, path: string) => void
  /** What the export `node` of a file reaches. */
  readonly code: (file?: string) => ReachedCode
  /** What `code` refuses with, its places relative to the project. */
  readonly refusal: (file?: string) => string
  /** Names of the declarations that are reached, per file. */
  readonly reached: (file?: string) => Readonly<Record<string, ReadonlyArray<string> | "content">>
  /** What differs after an edit, as `declaration in file`. */
  readonly changes: (edit: Files) => ReadonlyArray<string>
}

export const sources = (files: Files): Sources => {
  const root = mkdtempSync(join(tmpdir(), "gemflow-sources-"))
  const write = (written: Files) => {
    for (const [file, text] of Object.entries(written)) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      // A new file has a new inode, so that two writings in one tick differ.
      rmSync(join(root, file), { force: true })
      writeFileSync(join(root, file), text)
    }
  }
  write({ "package.json": JSON.stringify({ name: "project", version: "1.0.0", type: "module" }), ...files })
  const code = (file = "node.ts") => reachedCode({ node: "node", path: join(root, file), root, exportName: "node" })
  return {
    root,
    write,
    link: (target, path) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      symlinkSync(join(root, target), join(root, path), "dir")
    },
    code,
    refusal: (file) => {
      try {
        code(file)
      } catch (error) {
        if (error instanceof CodeNotTraceable) return error.message.replaceAll(`${root}/`, "")
        throw error
      }
      return "nothing"
    },
    reached: (file) =>
      Object.fromEntries(
        Object.entries(code(file).parts).map((
          [file, part]
        ) => [file, typeof part === "string" ? "content" : Object.keys(part)])
      ),
    changes: (edit) => {
      const before = code()
      write(edit)
      const after = code()
      const [old, now] = [flat(before), flat(after)]
      const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => old[name] !== now[name])
      if (changed.length > 0 && before.digest === after.digest) throw new Error("parts differ, and the digest does not")
      return changed.length === 0 && before.digest !== after.digest ? ["the order"] : changed
    }
  }
}

const flat = ({ parts }: ReachedCode): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(parts).flatMap(([file, part]) =>
      typeof part === "string"
        ? [[file, part]]
        : Object.entries(part).map(([name, digest]) => [`${name} in ${file}`, digest])
    )
  )
