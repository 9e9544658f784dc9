/** Token ids cut to a length, and whether anything was cut. */
export interface Fitted {
  readonly tokens: Int32Array
  readonly truncated: boolean
}

/**
 * Cuts a prompt from the left so that `room` tokens remain: the question's end and the assistant's turn marker stay.
 * A leading BOS is kept. `room` is the context length less the tokens to come.
 */
export const fitPrompt = (tokens: Int32Array, room: number, bosId?: number): Fitted => {
  if (tokens.length <= room) return { tokens, truncated: false }
  if (room < 1) return { tokens: new Int32Array(0), truncated: true }
  const kept = tokens.slice(tokens.length - room)
  if (bosId !== undefined && tokens[0] === bosId) kept[0] = bosId
  return { tokens: kept, truncated: true }
}

/** A response cut from the right to `room` tokens. */
export const fitResponse = (tokens: Int32Array, room: number): Fitted =>
  tokens.length <= room
    ? { tokens, truncated: false }
    : { tokens: tokens.slice(0, Math.max(0, room)), truncated: true }
