/** Where events and spans can go: a file, or an HTTP endpoint. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fs from "node:fs/promises"
import { type Destination, NotDelivered } from "./Delivery.ts"

/** A destination that was named on the command line or in the environment cannot be one. */
export class UnusableDestination extends Schema.TaggedError<UnusableDestination>()("UnusableDestination", {
  /** The option or environment variable. */
  option: Schema.String,
  destination: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.option} ${this.destination}: ${this.problem}. Name a file in an existing folder, or an http(s) URL.`
  }
}

export interface Endpoint {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** The URL that a text is; undefined for a path. */
export const urlOf = Effect.fnUntraced(function*(option: string, text: string) {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return undefined
  const unusable = (problem: string) => new UnusableDestination({ option, destination: text, problem })
  if (!URL.canParse(text)) return yield* unusable("is no URL")
  const url = new URL(text)
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return yield* unusable(`has the scheme ${url.protocol.slice(0, -1)}`)
  }
  return url
})

/** Posts each batch as one JSON document. */
export const posting = <A>(
  { headers, url }: Endpoint,
  batch: number,
  body: (items: ReadonlyArray<A>) => unknown
): Destination<A> => ({
  // Without user name and password.
  name: `${url.origin}${url.pathname}`,
  batch,
  send: (items) =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(withoutCredentials(url), {
          method: "POST",
          headers: { "content-type": "application/json", ...authorisation(url), ...headers },
          body: JSON.stringify(body(items)),
          redirect: "error",
          signal
        })
        // Read, so that the connection serves the next one.
        await response.arrayBuffer()
        return response.status
      },
      catch: (cause) => new NotDelivered({ reason: connectionProblem(cause), passing: true })
    }).pipe(
      Effect.flatMap((status) =>
        status >= 200 && status < 300
          ? Effect.void
          : Effect.fail(new NotDelivered({ reason: `it answered ${status}`, passing: isPassing(status) }))
      )
    )
})

/** A file, made if it is not there, to which each item is added as a line of JSON. */
export const appending = Effect.fnUntraced(function*<A>(option: string, path: string) {
  yield* openable(option, path)
  const destination: Destination<A> = {
    name: path,
    batch: 1000,
    send: (items) => written(() => fs.appendFile(path, items.map((item) => `${JSON.stringify(item)}\n`).join("")))
  }
  return destination
})

/** A file that holds one JSON document of all items, written when there are no more: `write` it then. */
export const collecting = Effect.fnUntraced(
  function*<A>(option: string, path: string, document: (items: ReadonlyArray<A>) => unknown) {
    yield* openable(option, path)
    const collected: Array<A> = []
    const write = written(() => fs.writeFile(path, JSON.stringify(document(collected))))
    return { name: path, hand: (item: A) => void collected.push(item), write, count: () => collected.length }
  }
)

/** Better said before the run than after it. */
const openable = (option: string, path: string) =>
  Effect.tryPromise({
    try: async () => await (await fs.open(path, "a")).close(),
    catch: (cause) =>
      new UnusableDestination({ option, destination: path, problem: `cannot be written (${messageOf(cause)})` })
  })

const written = (write: () => Promise<void>) =>
  Effect.tryPromise({
    try: write,
    catch: (cause) => new NotDelivered({ reason: messageOf(cause), passing: false })
  })

const isPassing = (status: number) => status === 408 || status === 429 || status >= 500

const messageOf = (cause: unknown) => cause instanceof Error ? cause.message : String(cause)

const connectionProblem = (cause: unknown) => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return messageOf(inner)
}

// fetch refuses URLs with credentials.
const withoutCredentials = (url: URL) => {
  const plain = new URL(url)
  plain.username = ""
  plain.password = ""
  return plain
}

const authorisation = ({ password, username }: URL): Record<string, string> => {
  if (username === "") return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` }
}
