/** Files that code reads and that are no code: they count by their content. */
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"

/** The digest of a file, or "absent". */
export const contentDigest = (path: string): string => {
  if (!existsSync(path)) return "absent"
  const bytes = readFileSync(path)
  return createHash("sha256").update(path.endsWith(".json") ? compact(bytes.toString()) : bytes).digest("hex")
}

/** JSON without its layout; the order of its keys can be seen by code and stays. */
const compact = (json: string): string => {
  try {
    return JSON.stringify(JSON.parse(json))
  } catch {
    // Not JSON after all: then its text is what it is.
    return json
  }
}
