import { randomBytes } from "node:crypto"

/** A run's name: when it began (UTC), and a few letters that tell apart runs of the same second. Sorts by time. */
export const newRunId = (startedAt: number): string => {
  const [date = "", time = ""] = new Date(startedAt).toISOString().split("T")
  return `${date.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}-${randomBytes(2).toString("hex")}`
}
