import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Process, timed } from "../Contest.ts"

/** A task call a node; results are kept in redun's SQLite. */
export const redun = (program: string) => (folder: string, nodes: number): Process => {
  writeFileSync(
    join(folder, "graph.py"),
    `from redun import task
redun_namespace = "graph"

@task()
def step(number, *read):
    return number + sum(read)

@task()
def main():
    made = []
    for number in range(${nodes}):
        read = [] if number < 100 else [made[number - 100]] + ([made[number - 101]] if number % 100 else [])
        made.append(step(number, *read))
    return made[-100:]
`
  )
  const process: Process = { command: [program, "run", "graph.py", "main"], cwd: folder }
  timed(process)
  return process
}
