// `npm start` and `npm test` go through here: installs what is missing, then runs the given command with the Node that
// comes as a dependency. Plain JavaScript, because it runs before anything is installed and on Node 20.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync, symlinkSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [command, ...args] = process.argv.slice(2)

if (isInstalled() || install()) run()
else process.exitCode = 1

/** Every package that the lockfile requires on this machine is installed in the version that it names. */
function isInstalled() {
  const installedPath = join(root, "node_modules", ".package-lock.json")
  if (!existsSync(installedPath)) return false
  const installed = readPackages(installedPath)
  const locked = readPackages(join(root, "package-lock.json"))
  return Object.entries(locked).every(([path, { optional, version }]) =>
    path === "" || installed[path]?.version === version || (optional === true && installed[path] === undefined)
  )
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages
}

/** Installs with npm, and says whether that went well. */
function install() {
  console.error("gemflow: installing the packages of package-lock.json (once)")
  const npm = process.env.npm_execpath
  // ONNXRUNTIME_NODE_INSTALL: .npmrc skips all install scripts already; this also holds where npm is told otherwise.
  const options = {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" }
  }
  // Not `npm ci`: it insists that the lockfile names the optional packages of all platforms, and a registry mirror may not
  // have them all. The versions are those of the lockfile all the same, and nothing is written but node_modules.
  const flags = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
  const result = npm === undefined
    ? spawnSync("npm", flags, { ...options, shell: process.platform === "win32" })
    : spawnSync(process.execPath, [npm, ...flags], options)
  if (result.status !== 0) {
    console.error(
      "gemflow: the installation failed (see above). Check that the package registry can be reached, then try again."
    )
    return false
  }
  linkCommand()
  return true
}

/** npm links the commands of dependencies, not the package's own; with the link `npx gemflow` starts at once. */
function linkCommand() {
  const link = join(root, "node_modules", ".bin", "gemflow")
  if (process.platform !== "win32" && !existsSync(link)) symlinkSync(join("..", "..", "bin", "gemflow.mjs"), link)
}

function run() {
  const bin = join(root, "node_modules", ".bin")
  const suffices = Number(process.versions.node.split(".")[0]) >= 22
  if (command === "gemflow" && suffices) {
    process.argv = [process.execPath, join(root, "bin", "gemflow.mjs"), ...args]
    return import(pathToFileURL(process.argv[1]).href)
  }
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
  const [executable, ...rest] = command === "gemflow"
    ? ["node", join(root, "bin", "gemflow.mjs"), ...args]
    : [command, ...args]
  // The channel closes when this process ends, also by SIGKILL, and the run then ends too: see endWithLauncher of gemflow.mjs.
  const launches = command === "gemflow" && process.platform !== "win32"
  if (launches) env.GEMFLOW_LAUNCHED = "1"
  const stdio = launches ? ["inherit", "inherit", "inherit", "ipc"] : "inherit"
  const child = spawn(executable, rest, { cwd: root, stdio, env, shell: process.platform === "win32" })
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal))
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1)
  })
}
