/** The name of the loop body that decodes one token of each candidate. */
export const DECODING = "tokens"
