// Keeps what Node makes of TypeScript files, so that the next start neither loads the type stripper nor strips again (which
// is half the time of a run in which nothing is stale). Plain JavaScript, because it is there before any TypeScript is loaded.
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import * as nodeModule from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Stripped files are kept below `directory` with the size, time and inode of the file they were made from. */
export function cacheStrippedTypes(directory) {
  const folder = join(directory, `types-${process.version}`)
  nodeModule.registerHooks({
    load: (url, context, next) => {
      if (context.format !== "module-typescript" || !url.startsWith("file:")) return next(url, context)
      const path = fileURLToPath(url)
      const { ino, mtimeNs, size } = statSync(path, { bigint: true })
      const stamp = `// ${size}-${mtimeNs}-${ino} ${url}\n`
      const kept = join(folder, `${createHash("sha256").update(url).digest("hex").slice(0, 32)}.js`)
      const source = read(kept)
      // The stamp stands at the end, so that lines keep their numbers.
      if (source?.endsWith(stamp)) {
        return { format: "module", source: source.slice(0, -stamp.length), shortCircuit: true }
      }
      const stripped = strip(path)
      // What cannot be stripped is left to Node, which says what is wrong with it.
      if (stripped === undefined) return next(url, context)
      keep(kept, `${stripped}\n${stamp}`)
      return { format: "module", source: `${stripped}\n`, shortCircuit: true }
    }
  })

  function keep(file, text) {
    try {
      mkdirSync(folder, { recursive: true })
      const temporary = `${file}.${process.pid}`
      writeFileSync(temporary, text)
      renameSync(temporary, file)
    } catch {
      // Where nothing can be kept, every start strips anew.
    }
  }
}

function read(file) {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

function strip(path) {
  try {
    return nodeModule.stripTypeScriptTypes(readFileSync(path, "utf8"), { mode: "strip" })
  } catch {
    return undefined
  }
}
