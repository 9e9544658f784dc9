/** Copying a directory into the store and hashing it, in one reading, so that what is hashed is what is stored. */
import { createHash } from "node:crypto"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { DirectoryManifest } from "./Manifest.ts"

type File = DirectoryManifest["files"][number]

const pieceBytes = 2 ** 22

/** The regular files of a directory, as paths relative to it with `/` between folders. Links to files count as files. */
export const listFiles = async (directory: string): Promise<ReadonlyArray<string>> => {
  const entries = await fs.readdir(directory, { recursive: true, withFileTypes: true })
  const files: Array<string> = []
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name)
    if (entry.isDirectory()) continue
    // A link to a directory could lead anywhere, even back here.
    if (!(await fs.stat(file)).isFile()) throw new Error(`${file} is neither a file nor a folder; remove or replace it`)
    files.push(path.relative(directory, file).split(path.sep).join("/"))
  }
  return files
}

/** Hashes a file and, when given a target, copies it there and flushes it. */
export const hashFile = async (root: string, file: string, target?: string): Promise<File> => {
  const hash = createHash("sha256")
  const source = await fs.open(path.join(root, file), "r")
  const copy = target === undefined ? undefined : await fs.open(target, "wx")
  let bytes = 0
  try {
    const piece = Buffer.allocUnsafe(pieceBytes)
    for (;;) {
      const { bytesRead } = await source.read(piece, 0, pieceBytes)
      if (bytesRead === 0) break
      hash.update(piece.subarray(0, bytesRead))
      await copy?.writeFile(piece.subarray(0, bytesRead))
      bytes += bytesRead
    }
    await copy?.sync()
  } finally {
    await source.close()
    await copy?.close()
  }
  return { path: file, bytes, sha256: hash.digest("hex") }
}

/** Hashes the files of a directory and, when given a target, copies them there. */
export const hashDirectory = async (directory: string, target?: string): Promise<ReadonlyArray<File>> => {
  const files: Array<File> = []
  if (target !== undefined) await fs.mkdir(target)
  for (const file of await listFiles(directory)) {
    const copy = target === undefined ? undefined : path.join(target, file)
    if (copy !== undefined) await fs.mkdir(path.dirname(copy), { recursive: true })
    files.push(await hashFile(directory, file, copy))
  }
  return files
}
