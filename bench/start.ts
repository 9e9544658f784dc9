/** `npm start` in an empty store and again: wall time, and the largest resident memory of its processes together. */
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { spread } from "./Spread.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Process ids below a process, itself included; Linux only. */
const family = (id: number): ReadonlyArray<number> => {
  const parents = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const stat = read(`/proc/${name}/stat`)
    const parent = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]
    return parent === undefined ? [] : [[Number(name), Number(parent)] as const]
  })
  const found = [id]
  for (const member of found) {
    for (const [child, parent] of parents) if (parent === member) found.push(child)
  }
  return found
}

/** Resident bytes of a process now. */
const resident = (id: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${id}/status`) ?? "")?.[1] ?? 0) * 1024

// A process may end between being listed and being read.
const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const start = (store: string) =>
  new Promise<{ readonly seconds: number; readonly bytes: number }>((resolve, reject) => {
    const begin = performance.now()
    const child = spawn("npm", ["start", "--", "--store", store], { cwd: root, stdio: "ignore" })
    let bytes = 0
    const watch = setInterval(() => {
      if (process.platform !== "linux" || child.pid === undefined) return
      bytes = Math.max(bytes, family(child.pid).reduce((sum, id) => sum + resident(id), 0))
    }, 100)
    child.on("error", reject)
    child.on("close", (code) => {
      clearInterval(watch)
      if (code === 0) resolve({ seconds: (performance.now() - begin) / 1000, bytes })
      else reject(new Error(`npm start ended with exit code ${code}`))
    })
  })

export const measureStart = async (): Promise<void> => {
  const store = mkdtempSync(join(tmpdir(), "gemflow-bench-store-"))
  try {
    const first = await start(store)
    const memory = first.bytes === 0
      ? "peak memory: only measured on Linux"
      : `peak ${(first.bytes / 2 ** 20).toFixed(0)} MiB`
    console.log(`npm start   first              ${first.seconds.toFixed(1)} s, ${memory}`)
    const again: Array<number> = []
    for (let repetition = 0; repetition < 5; repetition++) again.push((await start(store)).seconds)
    console.log(`npm start   again              ${spread(again, 2)} s`)
  } finally {
    rmSync(store, { recursive: true, force: true })
  }
}
