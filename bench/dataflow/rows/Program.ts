/** A row that is a program of its own. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** A program of this folder, in a process of its own, line by line. */
export const program = (file: string, ...args: ReadonlyArray<string>) =>
  async function*(): AsyncGenerator<string> {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ["--conditions=gemflow-source", "--disable-warning=ExperimentalWarning", path, ...args],
      { encoding: "utf8" }
    )
    yield* (status === 0 ? stdout : `failed: ${stderr.slice(-500)}`).trimEnd().split("\n")
  }
