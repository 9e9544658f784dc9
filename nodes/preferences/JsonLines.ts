/**
 * The lines of a file from outside, in bounded memory: the file is read in chunks, and a line longer than its limit is an
 * error before it is held. A byte order mark, CRLF line ends and blank lines are taken in stride.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { MalformedLine, UnusableFile } from "./PreferencesError.ts"

export interface LineLimits {
  readonly max_file_bytes: number
  readonly max_line_bytes: number
}

const chunkBytes = 64 * 1024
const lineFeed = 10

/**
 * Hands each line that is not blank to `visit`, with its 1-based number, until `visit` returns false or the file ends.
 *
 * @errors UnusableFile when the file cannot be read or exceeds `max_file_bytes`; MalformedLine when a line exceeds
 * `max_line_bytes` or is not UTF-8.
 */
export const forEachLine = Effect.fn("forEachLine")(
  function*(
    path: string,
    limits: LineLimits,
    visit: (text: string, line: number) => Effect.Effect<boolean, MalformedLine>
  ) {
    const files = yield* FileSystem.FileSystem
    const file = yield* files.open(path, { flag: "r" })
    const { size, type } = yield* file.stat
    if (type !== "File") return yield* unusable(path, `is a ${type}, not a file`, "Name a JSONL file.")
    if (size > limits.max_file_bytes) {
      return yield* unusable(
        path,
        `has ${size} bytes, more than max_file_bytes ${limits.max_file_bytes}`,
        "Raise max_file_bytes, or give a smaller file."
      )
    }

    let line = 0
    let pending: Array<Uint8Array> = []
    let pendingBytes = 0
    const hold = Effect.fnUntraced(function*(bytes: Uint8Array) {
      pending.push(bytes)
      pendingBytes += bytes.length
      if (pendingBytes > limits.max_line_bytes) {
        return yield* new MalformedLine({
          path,
          line: line + 1,
          field: "",
          expected: `at most ${limits.max_line_bytes} bytes (max_line_bytes)`,
          found: "more"
        })
      }
    })
    const endLine = Effect.fnUntraced(function*() {
      const bytes = Buffer.concat(pending)
      pending = []
      pendingBytes = 0
      line += 1
      const text = yield* decodeLine(path, line, bytes)
      return text === "" || (yield* visit(text, line))
    })

    for (;;) {
      const chunk = yield* file.readAlloc(chunkBytes)
      if (Option.isNone(chunk)) break
      let start = 0
      for (let end = chunk.value.indexOf(lineFeed); end >= 0; end = chunk.value.indexOf(lineFeed, start)) {
        yield* hold(chunk.value.subarray(start, end))
        if (!(yield* endLine())) return
        start = end + 1
      }
      yield* hold(chunk.value.subarray(start))
    }
    yield* endLine()
  },
  Effect.scoped,
  (effect, path) =>
    Effect.catchTag(
      effect,
      "PlatformError",
      (error) => unusable(path, `cannot be read: ${error.message}`, "Name an existing JSONL file that may be read.")
    )
)

const unusable = (path: string, problem: string, remedy: string) =>
  Effect.fail(new UnusableFile({ path, problem, remedy }))

const decodeLine = (path: string, line: number, bytes: Uint8Array) =>
  Effect.try({
    // A byte order mark is part of the encoding of the file's first line, and text anywhere else.
    try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: line > 1 }).decode(bytes).trim(),
    catch: () => new MalformedLine({ path, line, field: "", expected: "UTF-8 text", found: "bytes that are not" })
  })
