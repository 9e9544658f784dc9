/** Numbers and durations as a person reads them. */

/** Integers grouped by thousands; others with three significant digits, at most four decimals. */
export const formatNumber = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  // Nothing to group: most counts, of which a log has thousands.
  if (Number.isInteger(value) && value > 0 && value < 1000) return String(value)
  if (Number.isInteger(value)) return value.toLocaleString("en-US")
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString("en-US")
  if (size < 1e-3) return value.toExponential(2)
  return value.toFixed(Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(size)))))
}

/** A value with its interval, `0.83 [0.78, 0.87]`: as many decimals as the interval's width bears, two at least. */
export const formatInterval = (value: number, low: number, high: number): string => {
  const width = Math.abs(high - low)
  const decimals = width > 0 && width < 0.01 ? Math.min(6, 1 - Math.floor(Math.log10(width))) : 2
  const show = (number: number) => Number.isFinite(number) ? number.toFixed(decimals) : String(number)
  return `${show(value)} [${show(low)}, ${show(high)}]`
}

/** `340 ms`, `2.1 s`, `3 min 05 s`, `1 h 02 min`. */
export const formatDuration = (milliseconds: number): string => {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

const pad = (value: number) => String(value).padStart(2, "0")

/** A duration as a display counts it: in whole seconds. */
export const formatWhole = (milliseconds: number): string => {
  const seconds = Math.round(Math.max(0, milliseconds) / 1000)
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)
}

/** `12.3/s`, or `3.20/min` and `1.50/h` of what is slower. */
export const formatRate = (perSecond: number): string =>
  perSecond >= 1
    ? `${formatNumber(roundTo(perSecond))}/s`
    : perSecond * 60 >= 1
    ? `${formatNumber(roundTo(perSecond * 60))}/min`
    : `${formatNumber(roundTo(perSecond * 3600))}/h`

/** Three digits say enough of what changes all the time. */
const roundTo = (value: number): number => Number(value.toPrecision(3))

/** `1 row`, `320 rows`. */
export const count = (value: number, noun: string): string => `${formatNumber(value)} ${noun}${value === 1 ? "" : "s"}`

export const shortDigest = (digest: string): string => digest.slice(0, 8)

/** `7.2 MB`, in powers of 1000. */
export const formatBytes = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`
}
