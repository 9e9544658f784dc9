/** Where the dynamic loader of Linux would find a library that is asked for by its file name. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

/** Its own folders, after LD_LIBRARY_PATH and the cache that ldconfig keeps. */
const standard = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]

/** @param beside folders looked at first: those a library names for itself (RUNPATH). */
export const librarySearch = (beside: ReadonlyArray<string>): (name: string) => string | undefined => {
  // The loader reads LD_LIBRARY_PATH when a process starts, so it is this process's that counts.
  // gemflow: outside-key Where libraries are found decides whether a device can be used, not what it computes.
  const named = (process.env["LD_LIBRARY_PATH"] ?? "").split(/[:;]/).filter((folder) => folder !== "")
  const inFolders = (folders: ReadonlyArray<string>, name: string) =>
    folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  const cached = parseCache(readCache())
  return (name) => inFolders([...named, ...beside], name) ?? cached.get(name) ?? inFolders(standard, name)
}

/** `libz.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libz.so.1`, one a line; the first of a name counts. */
export const parseCache = (text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const [, name = "", kind = "", path = ""] of text.matchAll(/^\s*(\S+) \(([^)]*)\) => (\S+)$/gm)) {
    if (/x86-64|AArch64/.test(kind) && !found.has(name)) found.set(name, path)
  }
  return found
}

const readCache = (): string => {
  for (const ldconfig of ["/sbin/ldconfig", "/usr/sbin/ldconfig", "ldconfig"]) {
    try {
      return execFileSync(ldconfig, ["-p"], {
        encoding: "utf8",
        timeout: 10_000,
        maxBuffer: 1 << 24,
        stdio: ["ignore", "pipe", "ignore"]
      })
    } catch {
      // Some systems (musl) have none: then only folders are searched.
    }
  }
  return ""
}
