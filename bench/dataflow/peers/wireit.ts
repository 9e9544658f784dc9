import { writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { delimiter } from "node:path"
import { type Process, timed } from "../Contest.ts"
import { last, numbers, readBy } from "./Graph.ts"

/** A script a node, all in one package, with an input file and an output file. */
export const wireit = (program: string) => (folder: string, nodes: number): Process => {
  const names = numbers(nodes).map((number) => `n${number}`)
  const scripts = Object.fromEntries([...names, "all"].map((name) => [name, "wireit"]))
  const configured = numbers(nodes).map((number) => [
    `n${number}`,
    {
      command: `true > n${number}.out`,
      files: ["input"],
      output: [`n${number}.out`],
      dependencies: readBy(number).map((read) => `n${read}`)
    }
  ])
  writeFileSync(join(folder, "input"), "")
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({
      name: "graph",
      version: "1.0.0",
      scripts,
      wireit: { ...Object.fromEntries(configured), all: { dependencies: last(nodes).map((number) => `n${number}`) } }
    })
  )
  const env = { PATH: `${dirname(program)}${delimiter}${globalThis.process.env["PATH"]}`, WIREIT_LOGGER: "quiet" }
  const process: Process = { command: ["npm", "run", "--silent", "all"], cwd: folder, env }
  timed(process)
  return process
}
