/** Sequences cut to a policy's context, so that long data from outside trains and scores, and every cut is counted. */
import { fitPrompt, fitResponse } from "../../runtime/policy/tokenizer/FitPrompt.ts"

export interface FittedSequence {
  readonly prompt: Int32Array
  readonly response: Int32Array
  readonly truncated: boolean
}

export interface Context {
  /** Longest sequence, prompt and response together, in tokens. */
  readonly contextLength: number
  readonly bosId: number | undefined
}

/**
 * Fits responses of up to `longest` tokens after one prompt, so that all of them follow the same. The prompt is cut from the
 * left to make room for the longest response, but keeps half of the context; what is then still too long is cut from the
 * response's end.
 */
export const fitAfter = (
  prompt: Int32Array,
  longest: number,
  { bosId, contextLength }: Context
): (response: Int32Array) => FittedSequence => {
  const room = Math.max(contextLength - longest, Math.floor(contextLength / 2))
  const before = fitPrompt(prompt, room, bosId)
  return (response) => {
    const { tokens, truncated } = fitResponse(response, contextLength - before.tokens.length)
    return { prompt: before.tokens, response: tokens, truncated: before.truncated || truncated }
  }
}

/** Fits one response after its prompt. */
export const fitSequence = (prompt: Int32Array, response: Int32Array, context: Context): FittedSequence =>
  fitAfter(prompt, response.length, context)(response)
