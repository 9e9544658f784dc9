import { utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Process } from "../Contest.ts"
import { last, numbers, readBy } from "./Graph.ts"

/** A rule a node, each with a file. */
export const snakefile = (folder: string, nodes: number): void => {
  const rules = numbers(nodes).map((number) => {
    const input = readBy(number).map((read) => JSON.stringify(`n${read}`)).join(", ")
    return `rule n${number}:\n${
      input === "" ? "" : `    input: ${input}\n`
    }    output: "n${number}"\n    run:\n        open(output[0], "w").close()\n`
  })
  const targets = last(nodes).map((number) => JSON.stringify(`n${number}`)).join(", ")
  writeFileSync(join(folder, "Snakefile"), `rule all:\n    input: ${targets}\n${rules.join("")}`)
}

export const command = (program: string): Process["command"] => [program, "--cores", "2", "--quiet", "all"]

/** Everything is there, by files and times, as after a run: running a thousand of its jobs takes it minutes. */
export const snakemake = (program: string) => (folder: string, nodes: number): Process => {
  snakefile(folder, nodes)
  const begin = Date.now() / 1000 - nodes
  for (const number of numbers(nodes)) {
    writeFileSync(join(folder, `n${number}`), "")
    utimesSync(join(folder, `n${number}`), begin + number, begin + number)
  }
  return { command: [...command(program), "--rerun-triggers", "mtime"], cwd: folder }
}
