/** A user's project in a temporary folder, made of a fixture, and the real command run in it. */
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { main } from "../../../runtime/cli/main.ts"

const repository = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))
const command = join(repository, "bin", "gemflow.mjs")

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** The events of --json. */
  readonly events: () => ReadonlyArray<Record<string, unknown>>
  /** Per node `executed`, `cached` or `failed`, from the events of --json. */
  readonly statuses: () => Record<string, unknown>
}

export interface TemporaryProject {
  readonly root: string
  readonly write: (file: string, text: string) => void
  /** Replaces text in a file, and complains when it is not there. */
  readonly edit: (file: string, from: string, to: string) => void
  readonly gemflow: (...args: ReadonlyArray<string>) => Promise<Finished>
  /** The same inside this process, which is faster; one at a time. */
  readonly inProcess: (...args: ReadonlyArray<string>) => Promise<Pick<Finished, "code" | "out" | "err">>
  /** Starts the command without waiting for its end. */
  readonly start: (
    ...args: ReadonlyArray<string>
  ) => { readonly child: ChildProcess; readonly finished: Promise<Finished> }
}

export const temporaryProject = (fixture = "numbers"): TemporaryProject => {
  const root = mkdtempSync(join(tmpdir(), "gemflow-project-"))
  cpSync(join(repository, "test", "fixtures", "pipelines", fixture), root, { recursive: true })
  mkdirSync(join(root, "node_modules"))
  symlinkSync(repository, join(root, "node_modules", "gemflow"), "dir")
  symlinkSync(join(repository, "node_modules", "effect"), join(root, "node_modules", "effect"), "dir")
  const write = (file: string, text: string) => writeFileSync(join(root, file), text)
  write("package.json", JSON.stringify({ name: "project", version: "1.0.0", type: "module" }))

  const start = (...args: ReadonlyArray<string>) => {
    const child = spawn(process.execPath, [command, ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1" }
    })
    let out = ""
    let err = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
    const finished = new Promise<Finished>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code) => {
        const events = () => eventsOf({ out })
        resolve({ code, out, err, events, statuses: () => statusesOf(events()) })
      })
    })
    return { child, finished }
  }
  return {
    root,
    write,
    edit: (file, from, to) => {
      const text = readFileSync(join(root, file), "utf8")
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
      write(file, text.replace(from, to))
    },
    start,
    inProcess: (...args) => runInProcess(root, args),
    gemflow: (...args) => start(...args).finished
  }
}

/** The events of --json. */
export const eventsOf = ({ out }: Pick<Finished, "out">): ReadonlyArray<Record<string, unknown>> =>
  out.trimEnd().split("\n").map((line): Record<string, unknown> => JSON.parse(line))

/** Per node `executed`, `cached` or `failed`. */
export const statusesOf = (events: ReadonlyArray<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    events.flatMap(({ node, status, type }) =>
      type === "NodeFinished" ? [[node, status]] : type === "NodeFailed" ? [[node, "failed"]] : []
    )
  )

/** The command in this process: a start less, where no process of its own is what is tested. */
export const runInProcess = async (root: string, args: ReadonlyArray<string>) => {
  const before = process.cwd()
  const written = { out: "", err: "" }
  const capture = (stream: "out" | "err") => (text: string | Uint8Array) => {
    written[stream] += text.toString()
    return true
  }
  const out = vi.spyOn(process.stdout, "write").mockImplementation(capture("out"))
  const err = vi.spyOn(process.stderr, "write").mockImplementation(capture("err"))
  try {
    process.chdir(root)
    return { code: await main(args), ...written }
  } finally {
    process.chdir(before)
    out.mockRestore()
    err.mockRestore()
  }
}
