/** The command's standard output and error. */
import * as Effect from "effect/Effect"

/** Prints a text and a line break on standard output. */
export const print = (text: string): Effect.Effect<void> => Effect.sync(() => writeOut(`${text}\n`))

/** Prints a remark for the user, where it does not mix with data: on standard error. */
export const remark = (text: string): Effect.Effect<void> => Effect.sync(() => writeError(`${text}\n`))

export const printJson = (value: unknown): Effect.Effect<void> => print(JSON.stringify(value, null, 2))

export const writeOut = (text: string): void => {
  process.stdout.write(text)
}

export const writeError = (text: string): void => {
  process.stderr.write(text)
}

/** How wide a line may be on standard output: the window's width, or without bound in a file or pipe. */
export const outputWidth = (): number => process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY

/**
 * A reader that has seen enough closes the pipe (`gemflow show … | head`). What is written after that goes nowhere, and
 * is no error: a run goes on, since its results are kept in the store.
 */
export const tolerateClosedPipes = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners("error").includes(tolerate)) stream.on("error", tolerate)
  }
}

const tolerate = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EPIPE") throw error
}
