import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import gem from "../../../pipelines/gem.ts"
import { listeners } from "../../../runtime/observe/Listeners.ts"
import { eventsOfEachKind } from "./eventsOfEachKind.ts"
import { receiver } from "./Receiver.ts"

const events = eventsOfEachKind("round-1/sample", "sample")

/** Passes events to those who listen by these settings, ends the run as said, and gives what the user is told. */
const run = Effect.fnUntraced(function*(
  environment: NodeJS.ProcessEnv,
  options: { readonly openlineage?: string; readonly trace?: string } = {},
  exit: Exit.Exit<void> = Exit.void
) {
  const remarks: Array<string> = []
  const scope = yield* Scope.make()
  const sinks = yield* listeners({
    openlineage: options.openlineage,
    trace: options.trace,
    pipeline: gem,
    projectRoot: "/",
    version: "1.2.3",
    environment,
    remark: (text) => Effect.sync(() => void remarks.push(text))
  }).pipe(Scope.provide(scope))
  for (const event of events) sinks.forEach((sink) => sink(event))
  yield* Scope.close(scope, exit)
  return remarks
})

interface Request {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
  }>
}
interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}
interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: ReadonlyArray<Attribute> }>
  readonly status: { readonly code: number; readonly message?: string }
}

const spansIn = (body: unknown): ReadonlyArray<Span> =>
  (body as Request).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
const valueOf = (attributes: ReadonlyArray<Attribute>, key: string) =>
  Object.values(attributes.find((attribute) => attribute.key === key)?.value ?? {})[0]

const temporaryFile = (name: string) => join(mkdtempSync(join(tmpdir(), "gemflow-listen-")), name)

describe("OpenTelemetry", () => {
  it.live("gets a trace of the run, its nodes and their partitions", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver()
      const remarks = yield* run({
        OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/`,
        OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%20b,x=1",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
        TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      })
      expect(remarks).toEqual([])
      expect(received[0]).toMatchObject({
        path: "/v1/traces",
        headers: { "content-type": "application/json", "api-key": "a b", "x": "1" }
      })
      const spans = received.flatMap(({ body }) => spansIn(body))
      expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(["0af7651916cd43dd8448eb211c80319c"]))
      const named = (name: string) => {
        const span = spans.find((each) => each.name === name)
        if (span === undefined) throw new Error(`no span ${name}`)
        return span
      }
      const [root, node] = [named("gemflow run gem"), named("round-1/sample")]
      expect(root.parentSpanId).toBe("b7ad6b7169203331")
      expect(root.status).toEqual({ code: 2, message: "interrupted" })
      expect(node.parentSpanId).toBe(root.spanId)
      expect(named("round-1/sample [3]").parentSpanId).toBe(node.spanId)
      expect(node.status).toEqual({ code: 1 })
      expect(Object.fromEntries(node.attributes.map(({ key }) => [key, valueOf(node.attributes, key)]))).toEqual({
        "gemflow.node": "round-1/sample",
        "gemflow.node.kind": "sample",
        "gemflow.device": "cuda:0",
        "gemflow.note": "continued from step 1",
        "gemflow.status": "executed",
        "gemflow.key": "1".repeat(64),
        "gemflow.artifact": "0".repeat(64),
        "gemflow.rows": 12,
        "gemflow.reasons": { values: [{ stringValue: "config" }] },
        "gemflow.details": { values: [{ stringValue: "config: k 4 -> 5" }] }
      })
      expect(node.events.map(({ name }) => name)).toEqual(expect.arrayContaining(["waiting", "retry", "artifact lost"]))
      expect(named("preference-pairs").status).toEqual({ code: 2, message: "no such file" })
      expect(valueOf(named("split").attributes, "gemflow.because")).toBe("preference-pairs")
      for (const { endTimeUnixNano, spanId, startTimeUnixNano } of spans) {
        expect(spanId).toMatch(/^[0-9a-f]{16}$/)
        expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano))
      }
      const resource = received.flatMap(({ body }) => (body as Request).resourceSpans)[0]?.resource.attributes ?? []
      expect(valueOf(resource, "service.name")).toBe("gemflow")
      expect(valueOf(resource, "deployment.environment")).toBe("test")
    }).pipe(Effect.scoped))

  it.effect("goes to a file as one document", () =>
    Effect.gen(function*() {
      const file = temporaryFile("trace.json")
      expect(yield* run({}, { trace: file })).toEqual([])
      expect(spansIn(JSON.parse(readFileSync(file, "utf8")))).toHaveLength(5)
    }))

  it.effect("gets nothing where it is switched off", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* receiver()
      yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: "true" })
      yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: "none" })
      yield* run({ OPENLINEAGE_URL: url, OPENLINEAGE_DISABLED: "true" })
      expect(requests()).toBe(0)
    }).pipe(Effect.scoped))
})

describe("OpenLineage", () => {
  it.live("gets each event, in order, where the environment says as it does to its own clients", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver()
      yield* run({ OPENLINEAGE_URL: url, OPENLINEAGE_API_KEY: "secret", OPENLINEAGE_NAMESPACE: "lab" })
      expect(received.map(({ body }) => (body as { readonly eventType: string }).eventType))
        .toEqual(["START", "START", "COMPLETE", "START", "FAIL", "ABORT"])
      expect(received[0]).toMatchObject({
        path: "/api/v1/lineage",
        headers: { authorization: "Bearer secret" },
        body: { job: { namespace: "lab", name: "gem" } }
      })
      yield* run({ OPENLINEAGE_URL: url, OPENLINEAGE_ENDPOINT: "other" })
      expect(received.at(-1)?.path).toBe("/other")
      yield* run({}, { openlineage: `${url}/a/path/of/its/own` })
      expect(received.at(-1)?.path).toBe("/a/path/of/its/own")
    }).pipe(Effect.scoped))

  it.live("is asked again when it is away for a moment", () =>
    Effect.gen(function*() {
      const { received, requests, url } = yield* receiver((request) => request === 0 ? 503 : 200)
      expect(yield* run({}, { openlineage: url })).toEqual([])
      expect(received).toHaveLength(6)
      expect(requests()).toBe(7)
    }).pipe(Effect.scoped))

  it.live("costs a remark, not the run, when it takes nothing", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* receiver(() => 400)
      expect(yield* run({}, { openlineage: url }))
        .toEqual([`gemflow: 6 of 6 OpenLineage events did not reach ${url}/api/v1/lineage: it answered 400`])
      // What is refused is not offered again.
      expect(requests()).toBe(6)
    }).pipe(Effect.scoped))

  it.live("does not hold up an interrupted run", () =>
    Effect.gen(function*() {
      const { url } = yield* receiver(() => undefined)
      const remarks = yield* run({}, { openlineage: url }, Exit.interrupt())
      expect(remarks).toEqual([
        `gemflow: 6 of 6 OpenLineage events did not reach ${url}/api/v1/lineage: not sent within 400ms`
      ])
    }).pipe(Effect.scoped, Effect.timeout("4 seconds")))
})
