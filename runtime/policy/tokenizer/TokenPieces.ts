/**
 * The text that each token adds, such that the pieces joined are the decoded text.
 *
 * A character whose bytes are spread over several tokens belongs to the last of them; the others add "". Decoding
 * runs over a window that starts at the last piece, because some decoders treat the start of a text differently
 * (they drop a leading space).
 *
 * @param tokens without special ones, which have no text.
 */
export const tokenPieces = (
  tokens: ReadonlyArray<string>,
  decode: (tokens: ReadonlyArray<string>) => string
): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let windowStart = 0
  let readTo = 0
  let known = ""
  for (let end = 1; end <= tokens.length; end++) {
    const inRun = isByte(tokens[end - 1])
    if (inRun && isByte(tokens[end])) continue
    const text = decode(tokens.slice(windowStart, end))
    // U+FFFD at the end: the bytes so far may be the beginning of a character. A run of byte tokens is complete.
    const incomplete = text.endsWith("\uFFFD") && end < tokens.length && !inRun
    if (!incomplete && text.length > known.length) {
      pieces.push(...apart(tokens.slice(pieces.length, end), text.slice(known.length)))
      windowStart = readTo
      readTo = end
      known = decode(tokens.slice(windowStart, readTo))
    }
    while (pieces.length < end) pieces.push("")
  }
  return pieces
}

/** One byte of a text, as tokenizers with byte fallback write it: <0x0A>. */
const byteToken = /^<0x([0-9A-Fa-f]{2})>$/
const isByte = (token: string | undefined): boolean => token !== undefined && byteToken.test(token)

/**
 * A text that several tokens make together. Such tokens are bytes, which decoders read run by run: a run that is UTF-8
 * gives its characters, one that is not a U+FFFD for each byte.
 */
const apart = (tokens: ReadonlyArray<string>, text: string): ReadonlyArray<string> => {
  const bytes = tokens.map((token) => parseInt(byteToken.exec(token)?.[1] ?? "", 16))
  const valid = characters(bytes)
  const pieces = valid ?? bytes.map(() => "\uFFFD")
  // Where the decoder did something else, such as dropping a leading space, all goes to the last.
  return pieces.join("") === text ? pieces : tokens.map((_, index) => index === tokens.length - 1 ? text : "")
}

/** Each character at the last of its bytes; undefined when they are not UTF-8. */
const characters = (bytes: ReadonlyArray<number>): ReadonlyArray<string> | undefined => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  try {
    const pieces = bytes.map((byte) => decoder.decode(Uint8Array.of(byte), { stream: true }))
    decoder.decode()
    return pieces
  } catch {
    return undefined
  }
}
