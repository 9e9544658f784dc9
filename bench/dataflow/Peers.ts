/** Finds the programs that gemflow is compared with; one that is absent is told with how to get it. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"

/** The path of a program, or a sentence why there is none. */
export type Found = { readonly program: string } | { readonly absent: string }

/** A command of an npm package. */
export const npmPeer = (name: string): Found => {
  const folder = process.env["GEMFLOW_DATAFLOW_PEERS"]
  const program = folder === undefined ? undefined : join(folder, "node_modules", ".bin", name)
  return program !== undefined && existsSync(program) ? { program } : {
    absent:
      `install it in a folder of its own (npm install --ignore-scripts ${name}) and name that in GEMFLOW_DATAFLOW_PEERS.`
  }
}

/** A command of a Python package, beside the Python that is named. */
export const pythonPeer = (name: string, packages = name): Found => {
  const python = process.env["GEMFLOW_DATAFLOW_PYTHON"]
  const program = python === undefined ? undefined : join(dirname(python), name)
  return program !== undefined && existsSync(program) ? { program } : {
    absent:
      `install it in a Python of its own (pip install ${packages}) and name that Python in GEMFLOW_DATAFLOW_PYTHON.`
  }
}

/** A command on the PATH. */
export const systemPeer = (name: string): Found => {
  const folder = (process.env["PATH"] ?? "").split(delimiter).find((place) => existsSync(join(place, name)))
  return folder === undefined
    ? { absent: `install ${name} with the system's package manager.` }
    : { program: join(folder, name) }
}

export const versionOf = (program: string, ...args: ReadonlyArray<string>): string =>
  spawnSync(program, args.length === 0 ? ["--version"] : args, { encoding: "utf8" }).stdout?.trim().split("\n")[0] ?? ""
