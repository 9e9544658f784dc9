/** A cheap sign that a file is unchanged: its size, modification time (nanoseconds) and inode. */
import { statSync } from "node:fs"
import { consulted } from "./Consulted.ts"

/** The stamp of a file, or "absent". */
export const fileStamp = (path: string): string => {
  consulted(path)
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? "absent" : `${stat.size}-${stat.mtimeNs}-${stat.ino}`
}

/** Whether a file was last written before a time (milliseconds since 1970), or is absent. */
export const modifiedBefore = (path: string, time: number): boolean => {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined || stat.mtimeMs < time
}
