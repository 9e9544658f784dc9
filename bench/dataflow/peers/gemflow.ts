import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type Process, timed } from "../Contest.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
export const command = join(root, "bin", "gemflow.mjs")

/** A project of its own, as a user has it, in which everything was run. */
export const gemflow = async (folder: string, nodes: number): Promise<Process> => {
  mkdirSync(join(folder, "node_modules"), { recursive: true })
  symlinkSync(root, join(folder, "node_modules", "gemflow"), "dir")
  symlinkSync(join(root, "node_modules", "effect"), join(folder, "node_modules", "effect"), "dir")
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "graph", version: "1.0.0", type: "module" }))
  const trivial = JSON.stringify(join(root, "bench", "dataflow", "trivialNodes.ts"))
  writeFileSync(
    join(folder, "graph.ts"),
    `import { trivialNodes } from ${trivial}\nexport default trivialNodes("layered", ${nodes})\n`
  )
  // A file that is as young as the run is not trusted by it.
  await setTimeout(100)
  const process: Process = { command: [globalThis.process.execPath, command, "run", "graph.ts"], cwd: folder }
  timed(process)
  // A run that made many artifacts is not certified; the first that finds them is.
  timed(process)
  return process
}
