/**
 * The text that each token adds, such that the pieces joined are the decoded text.
 *
 * A character whose bytes are spread over several tokens belongs to the last of them; the others add "". Decoding
 * runs over a window that starts at the last piece, because some decoders treat the start of a text differently
 * (they drop a leading space).
 */
export const tokenPieces = (
  ids: ReadonlyArray<number>,
  decode: (ids: ReadonlyArray<number>) => string
): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let windowStart = 0
  let readTo = 0
  let known = ""
  for (let end = 1; end <= ids.length; end++) {
    const text = decode(ids.slice(windowStart, end))
    // U+FFFD at the end: the bytes so far may be the beginning of a character.
    const incomplete = text.endsWith("\uFFFD") && end < ids.length
    if (incomplete || text.length <= known.length) {
      pieces.push("")
      continue
    }
    pieces.push(text.slice(known.length))
    windowStart = readTo
    readTo = end
    known = decode(ids.slice(windowStart, readTo))
  }
  return pieces
}
