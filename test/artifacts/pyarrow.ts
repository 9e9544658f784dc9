/** Another Arrow implementation, where this machine has it: a Python with pyarrow, named by GEMFLOW_PYTHON. */
import { execFileSync } from "node:child_process"

const python = process.env["GEMFLOW_PYTHON"]

/** Runs a Python program and gives what it printed. */
export const runPython = (program: string, folder: string): string =>
  execFileSync(python ?? "python3", ["-c", program], { cwd: folder, encoding: "utf8" })

export const hasPyarrow = (() => {
  if (python === undefined) return false
  try {
    execFileSync(python, ["-c", "import pyarrow.parquet, pyarrow.csv"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

/** What to add to the name of a test that needs it. */
export const skipped = hasPyarrow ? "" : " (skipped: set GEMFLOW_PYTHON to a Python with pyarrow)"
