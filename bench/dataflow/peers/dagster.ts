import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Process } from "../Contest.ts"

/** An asset a node. Dagster executes what it is told to, so its least is measured: to load the assets and list them. */
export const dagster = (program: string) => (folder: string, nodes: number): Process => {
  writeFileSync(
    join(folder, "graph.py"),
    `from dagster import AssetKey, Definitions, asset

def make(number):
    read = [] if number < 100 else [f"n{number - 100}"] + ([f"n{number - 101}"] if number % 100 else [])
    @asset(name=f"n{number}", deps=[AssetKey(name) for name in read])
    def node():
        return number
    return node

defs = Definitions(assets=[make(number) for number in range(${nodes})])
`
  )
  mkdirSync(join(folder, "home"))
  return {
    command: [program, "asset", "list", "-f", "graph.py"],
    cwd: folder,
    env: { DAGSTER_HOME: join(folder, "home"), DAGSTER_DISABLE_TELEMETRY: "1" }
  }
}
