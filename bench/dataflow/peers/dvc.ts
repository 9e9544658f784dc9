import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Process, timed } from "../Contest.ts"
import { numbers, readBy } from "./Graph.ts"

/** A stage a node, each with a file. */
export const dvc = (program: string) => (folder: string, nodes: number): Process => {
  const stages = Object.fromEntries(
    numbers(nodes).map((number) => [
      `n${number}`,
      { cmd: `echo ${number} > n${number}`, deps: readBy(number).map((read) => `n${read}`), outs: [`n${number}`] }
    ])
  )
  // JSON is YAML.
  writeFileSync(join(folder, "dvc.yaml"), JSON.stringify({ stages }))
  for (const number of numbers(nodes)) writeFileSync(join(folder, `n${number}`), `${number}\n`)
  const env = { DVC_NO_ANALYTICS: "1" }
  const run = (...args: ReadonlyArray<string>): Process => ({ command: [program, ...args], cwd: folder, env })
  timed(run("init", "--no-scm", "--quiet"))
  // Takes what is there as made: executing a thousand stages takes it many minutes.
  timed(run("commit", "--force", "--quiet"))
  return run("repro", "--quiet")
}
