/** A place in a source file, for errors that name the line to look at. */
export interface Location {
  readonly file: string
  readonly line: number
}

/**
 * The place from which `callee` was called. Taking it is cheap; the stack is only rendered when the result is called,
 * which happens when an error has to name the place.
 */
export const locate = (callee: (...args: never) => unknown): () => Location | undefined => {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, callee)
  return () => parseFrame(holder.stack ?? "")
}

/** The whole stack below `callee`, rendered when the result is called. */
export const captureStack = (callee: (...args: never) => unknown): () => string => {
  const holder: { stack?: string } = {}
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 100
  Error.captureStackTrace(holder, callee)
  Error.stackTraceLimit = limit
  return () => holder.stack ?? ""
}

export const renderLocation = (location: Location | undefined): string =>
  location === undefined ? "an unknown place" : `${location.file}:${location.line}`

/** The place of the first frame that has one: `at f (file:///dir/gem.ts:12:3)`, or `at /dir/gem.ts:12:3`. */
export const parseFrame = (stack: string): Location | undefined => {
  for (const frame of stack.split("\n")) {
    const match = urlFrame.exec(frame) ?? pathFrame.exec(frame)
    const file = match?.[1]
    const line = match?.[2]
    if (file !== undefined && line !== undefined) return { file: filePath(file), line: Number(line) }
  }
  return undefined
}

// A module's URL may carry a query, which is no part of its path.
const urlFrame = /(file:\/\/.+?)(?:\?[^?]*)?:(\d+):\d+\)?$/
const pathFrame = /^ *at (?:.* \()?((?:[a-zA-Z]:[\\/]|\/).+?):(\d+):\d+\)?$/

/** The path of a `file:` URL (of a module, say); anything else is returned as it is. */
export const filePath = (url: string): string => {
  if (!url.startsWith("file://")) return url
  const path = decodeURIComponent(new URL(url).pathname)
  return /^\/[a-zA-Z]:/.test(path) ? path.slice(1) : path
}
