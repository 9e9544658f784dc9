/** The stamp of a file that something remembered rests on. */
import { consulted } from "./Consulted.ts"
import { stampOf } from "./Stamp.ts"

/** As `stampOf`; what is asked for its stamp counts as looked at. */
export const fileStamp = (path: string): string => {
  consulted(path)
  return stampOf(path)
}
