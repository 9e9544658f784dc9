/** Resident memory of a process and all below it, from Linux's /proc; elsewhere nothing is measured. */
import { readdirSync, readFileSync } from "node:fs"

// A process may end between being listed and being read.
const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** A process and those below it. */
const family = (id: number): ReadonlyArray<number> => {
  const found = [id]
  for (const member of found) {
    for (const thread of threads(member)) {
      found.push(...(read(`/proc/${member}/task/${thread}/children`)?.split(" ").filter(Boolean).map(Number) ?? []))
    }
  }
  return found
}

const threads = (id: number): ReadonlyArray<string> => {
  try {
    return readdirSync(`/proc/${id}/task`)
  } catch {
    return []
  }
}

const field = (id: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(read(`/proc/${id}/status`) ?? "")?.[1] ?? 0) * 1024

/** Bytes resident now, of all processes together. */
export const residentBytes = (id: number): number => family(id).reduce((sum, member) => sum + field(member, "VmRSS"), 0)

/** The most bytes that the process alone has ever held: exact, where a look every few milliseconds could miss a peak. */
export const mostBytes = (id: number): number => field(id, "VmHWM")

/** Looks at a process tree until it is stopped, and keeps the largest sum. */
export const watchMemory = (id: number): { readonly stop: () => number } => {
  let most = 0
  const look = () => {
    most = Math.max(most, residentBytes(id), mostBytes(id))
  }
  const timer = setInterval(look, 100)
  return {
    stop: () => {
      look()
      clearInterval(timer)
      return most
    }
  }
}
