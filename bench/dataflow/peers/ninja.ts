import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Process, timed } from "../Contest.ts"
import { numbers, readBy } from "./Graph.ts"

/** A file a node. */
export const ninja = (program: string) => (folder: string, nodes: number): Process => {
  const builds = numbers(nodes).map((number) =>
    `build n${number}: make ${readBy(number).map((read) => `n${read}`).join(" ")}`
  )
  writeFileSync(join(folder, "build.ninja"), `rule make\n  command = : > $out\n${builds.join("\n")}\n`)
  const process: Process = { command: [program, "-C", folder], cwd: folder }
  timed(process)
  return process
}
