/** What executing a trivial node costs. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spread } from "../../Spread.ts"
import { type Setting, timed } from "../Contest.ts"
import { measureNodes } from "../nodes.ts"
import { pythonPeer } from "../Peers.ts"
import { redun } from "../peers/redun.ts"
import { command, snakefile } from "../peers/snakemake.ts"

const nodes = 10_000

export async function* executed({ repetitions, wanted }: Setting): AsyncGenerator<string> {
  if (wanted("gemflow")) {
    const measured = Array.from({ length: repetitions }, () => measureNodes("layered", nodes))
    const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes)) / 2 ** 20
    yield `gemflow          ${spread(measured.map(({ executedMicroseconds }) => executedMicroseconds))} us a node, `
      + `${nodes} nodes, peak ${peak.toFixed(0)} MiB; found cached ${
        spread(measured.map(({ cachedMicroseconds }) => cachedMicroseconds))
      } us`
  }
  const peers = [
    { name: "dask", tasks: nodes, found: pythonPeer("python", "dask"), seconds: dask },
    { name: "redun", tasks: 1_000, found: pythonPeer("redun"), seconds: redunSeconds },
    { name: "snakemake", tasks: 40, found: pythonPeer("snakemake"), seconds: snakemakeSeconds }
  ]
  for (const { found, name, seconds, tasks } of peers.filter(({ name }) => wanted(name))) {
    if ("absent" in found) {
      yield `${name.padEnd(16)} skipped: ${found.absent}`
      continue
    }
    try {
      const each = Array.from({ length: repetitions }, () => seconds(found.program, tasks) / tasks * 1e6)
      yield `${name.padEnd(16)} ${spread(each)} us a task, ${tasks} tasks`
    } catch (error) {
      yield `${name.padEnd(16)} skipped: ${error instanceof Error ? error.message : String(error)}`
    }
  }
}

const inFolder = <A>(use: (folder: string) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "gemflow-bench-executed-"))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The threaded scheduler on delayed calls; it keeps no results and fingerprints nothing. */
const dask = (python: string, tasks: number): number => {
  const script = `
import sys, time, dask
step = dask.delayed(lambda number, *read: number + sum(read), pure=False)
made = []
for number in range(int(sys.argv[1])):
    read = [] if number < 100 else [made[number - 100]] + ([made[number - 101]] if number % 100 else [])
    made.append(step(number, *read))
begin = time.perf_counter()
dask.compute(*made[-100:], scheduler="threads", optimize_graph=False)
print(time.perf_counter() - begin)
`
  const { status, stderr, stdout } = spawnSync(python, ["-c", script, String(tasks)], { encoding: "utf8" })
  if (status !== 0) throw new Error(stderr.slice(-300))
  return Number(stdout)
}

/** A first run less one of a graph of ten, which is what starting takes. */
const redunSeconds = (program: string, tasks: number): number => {
  const first = (count: number) =>
    inFolder((folder) => {
      const begin = performance.now()
      redun(program)(folder, count)
      return (performance.now() - begin) / 1000
    })
  return first(tasks) - first(10)
}

const snakemakeSeconds = (program: string, tasks: number): number => {
  const first = (count: number) =>
    inFolder((folder) => {
      snakefile(folder, count)
      writeFileSync(join(folder, "input"), "")
      return timed({ command: command(program), cwd: folder })
    })
  return first(tasks) - first(10)
}
