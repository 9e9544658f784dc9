import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { type Process, timed } from "../Contest.ts"
import { numbers, readBy } from "./Graph.ts"

/** A package a node, with one task. */
export const turbo = (program: string) => (folder: string, nodes: number): Process => {
  const json = (path: string, value: unknown) => writeFileSync(join(folder, path), JSON.stringify(value))
  const packages: Record<string, unknown> = {}
  for (const number of numbers(nodes)) {
    const name = `n${number}`
    mkdirSync(join(folder, "packages", name), { recursive: true })
    const dependencies = Object.fromEntries(readBy(number).map((read) => [`n${read}`, "*"]))
    json(`packages/${name}/package.json`, { name, version: "1.0.0", scripts: { build: "true" }, dependencies })
    packages[`packages/${name}`] = { version: "1.0.0", dependencies }
    packages[`node_modules/${name}`] = { resolved: `packages/${name}`, link: true }
  }
  const root = { name: "graph", version: "1.0.0", private: true, workspaces: ["packages/*"] }
  json("package.json", { ...root, packageManager: "npm@10.8.2" })
  json("package-lock.json", { ...root, lockfileVersion: 3, requires: true, packages: { "": root, ...packages } })
  json("turbo.json", { tasks: { build: { dependsOn: ["^build"], outputs: [] } }, ui: "stream" })
  writeFileSync(join(folder, ".gitignore"), ".turbo\nnode_modules\nbin\n")
  // Tasks are `npm run build`; that npm takes a third of a second to say so is not what is measured.
  mkdirSync(join(folder, "bin"))
  writeFileSync(join(folder, "bin", "npm"), "#!/bin/sh\nexit 0\n")
  chmodSync(join(folder, "bin", "npm"), 0o755)
  const env = {
    PATH: `${join(folder, "bin")}${delimiter}${globalThis.process.env["PATH"]}`,
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1"
  }
  const process: Process = {
    command: [program, "run", "build", "--output-logs=none", "--no-daemon"],
    cwd: folder,
    env
  }
  timed(process)
  return process
}
