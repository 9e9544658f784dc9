/** Signs by which a file or folder is known to be unchanged without reading it. */
import * as fs from "node:fs"

// As they are now: while a pipeline is loaded, others may stand in their place that ask for stamps themselves.
const { realpathSync, statSync } = fs

/**
 * What a path leads to: size, times of the last change of content and of inode, and inode. `ctime` cannot be set back by a
 * program, so a file that was replaced by one of equal size and date is noticed too. "absent" where there is nothing.
 */
export const stampOf = (path: string): string => {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat === undefined ? "absent" : `${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}`
  } catch {
    // What may not be looked at differs from what was looked at.
    return "unreadable"
  }
}

/** Where a path leads when links are followed, or "absent". */
export const realPathOf = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return "absent"
  }
}

/**
 * Whether what was stamped had been left alone for a while at a time (milliseconds since 1970), so that no change since
 * that time can hide behind an equal stamp: the clock of a file system ticks every few milliseconds, of some every two
 * seconds.
 */
export const settledAt = (stamp: string, time: number): boolean => {
  if (stamp === "absent") return true
  const changed = Number(stamp.split(" ")[2])
  const tick = Number.isInteger(changed / 1000) ? 2_100 : 50
  return changed < time - tick
}
