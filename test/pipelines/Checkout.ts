/** A copy of this repository in a temporary folder, whose files a test may edit, and the command run in it. */
import { spawn } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const copied = ["package.json", "package-lock.json", "bin", "runtime", "artifacts", "nodes", "pipelines"]

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Checkout {
  readonly root: string
  readonly write: (file: string, text: string) => void
  /** Replaces text in a file, and complains when it is not there. */
  readonly edit: (file: string, from: string, to: string) => void
  readonly gemflow: (...args: ReadonlyArray<string>) => Promise<Ended>
}

export const checkout = (): Checkout => {
  const root = mkdtempSync(join(tmpdir(), "gemflow-checkout-"))
  for (const path of copied) cpSync(join(repository, path), join(root, path), { recursive: true })
  symlinkSync(join(repository, "node_modules"), join(root, "node_modules"), "dir")
  const write = (file: string, text: string) => writeFileSync(join(root, file), text)
  return {
    root,
    write,
    edit: (file, from, to) => {
      const text = readFileSync(join(root, file), "utf8")
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
      write(file, text.replace(from, to))
    },
    gemflow: (...args) => command(root, process.execPath, [join(root, "bin", "gemflow.mjs"), ...args])
  }
}

/** Runs a command to its end; nothing but what a shell has is in its environment. */
export const command = (cwd: string, file: string, args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const { HOME, PATH } = process.env
    const child = spawn(file, [...args], { cwd, env: { HOME, PATH, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let err = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, out, err }))
  })
