/** `pipelines/gem.ts` when nothing is stale, in a store in which it was run: the command itself, and through npm. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { contest, type Process, type Setting, timed } from "../Contest.ts"
import { command } from "../peers/gemflow.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

export async function* gem(setting: Setting): AsyncGenerator<string> {
  const given = process.env["GEMFLOW_DATAFLOW_STORE"]
  const store = given ?? mkdtempSync(join(tmpdir(), "gemflow-bench-gem-"))
  const run = (...start: [string, ...Array<string>]): Process => ({ command: [...start, "--store", store], cwd: root })
  const direct = run(process.execPath, command, "run", "pipelines/gem.ts")
  try {
    yield* contest([
      {
        name: "gemflow",
        prepare: () => {
          timed(direct)
          return direct
        }
      },
      { name: "npm start", prepare: () => run("npm", "start", "--silent", "--") },
      { name: "node -e 0", prepare: () => ({ command: [process.execPath, "-e", "0"], cwd: root }) },
      {
        name: "not certified",
        prepare: () => ({ ...direct, env: { GEMFLOW_NO_CERTIFICATE: "1" } })
      }
    ], setting)
  } finally {
    if (given === undefined) rmSync(store, { recursive: true, force: true })
  }
}
