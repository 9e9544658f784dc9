import { existsSync, mkdirSync } from "node:fs"
import { dirname, resolve } from "node:path"

/**
 * Makes a folder with those above it, as `mkdir -p` does. Node's own recursive mkdir never returns where the file system
 * denies a folder with ENOENT although its parent is there (/proc), so the missing folders are made one by one.
 *
 * @throws the error of the file system, EEXIST when the path is a file.
 */
export const makeFolder = (path: string): void => {
  for (const folder of missing(resolve(path))) {
    try {
      mkdirSync(folder)
    } catch (error) {
      // Another process was faster.
      if (!existsSync(folder)) throw error
    }
  }
  mkdirSync(path, { recursive: true })
}

/** The folders of a path that are not there, outermost first. */
const missing = (path: string): ReadonlyArray<string> => existsSync(path) ? [] : [...missing(dirname(path)), path]
