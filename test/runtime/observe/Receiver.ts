/** An HTTP server on this machine's own interface that keeps what it is sent. */
import { Effect } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** `answer` gives the status for each request, by its number from 0; undefined never answers. */
export const receiver = (answer: (request: number) => number | undefined = () => 200) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Received> = []
      let requests = 0
      const server = createServer((request, response) => {
        let text = ""
        request.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
        request.on("end", () => {
          const status = answer(requests++)
          if (status === undefined) return
          if (status === 200) {
            received.push({ path: request.url ?? "", headers: request.headers, body: JSON.parse(text) })
          }
          response.writeHead(status).end("{}")
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, received, url: `http://127.0.0.1:${port}`, requests: () => requests }
    }),
    ({ server }) =>
      Effect.sync(() => server.closeAllConnections()).pipe(Effect.andThen(Effect.sync(() => server.close())))
  )
