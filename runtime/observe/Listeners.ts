/** Who listens to a run beside its renderer, by the options of the command and the environment. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { hostname } from "node:os"
import type { EventSink } from "../execution/Event.ts"
import { type Delivered, type Delivery, delivery } from "./Delivery.ts"
import { appending, collecting, type Endpoint, posting, type UnusableDestination, urlOf } from "./Destinations.ts"
import { type LineageContext, openLineage } from "./OpenLineage.ts"
import type { RunEvent } from "./OpenLineageFacets.ts"
import { parentSpan, type Span, spansOf, traceData } from "./OpenTelemetry.ts"

export interface ListenerOptions extends Omit<LineageContext, "namespace"> {
  /** A file or a URL for OpenLineage events. */
  readonly openlineage: string | undefined
  /** A file for spans. */
  readonly trace: string | undefined
  readonly environment: NodeJS.ProcessEnv
  /** Tells the user something, on a line of its own. */
  readonly remark: (text: string) => Effect.Effect<void>
}

/** How long a run's end may wait for what is still to be sent; one that was interrupted ends at once. */
const patience: Duration.Input = "5 seconds"
const interruptedPatience: Duration.Input = "400 millis"

/** Passes the events of a run to all who listen. What is not sent yet when the scope closes is sent then, within reason. */
export const listeners = Effect.fn("Listeners.listeners")(function*(options: ListenerOptions) {
  const sinks: Array<EventSink> = []
  const { environment } = options

  const lineageEndpoint = yield* lineageTo(options)
  if (lineageEndpoint !== undefined) {
    const tell = openLineage({ ...options, namespace: environment["OPENLINEAGE_NAMESPACE"] || "default" })
    const destination = "url" in lineageEndpoint
      ? posting<RunEvent>(lineageEndpoint, 1, ([event]) => event)
      : yield* appending<RunEvent>("--openlineage", lineageEndpoint.path)
    const made = yield* delivery(destination)
    yield* finishing(options, made, "OpenLineage event", destination.name)
    sinks.push(yield* guarded(options, "OpenLineage", (event) => tell(event, Date.now()).forEach(made.hand)))
  }

  const spansEndpoint = yield* spansTo(environment)
  if (spansEndpoint !== undefined || options.trace !== undefined) {
    const spans = spansOf(parentSpan(environment["TRACEPARENT"]))
    const document = (items: ReadonlyArray<Span>) => traceData(items, resourceOf(options), options.version)
    const hands: Array<(span: Span) => void> = []
    if (spansEndpoint !== undefined) {
      const destination = posting(spansEndpoint, 500, document)
      const made = yield* delivery(destination)
      yield* finishing(options, made, "OpenTelemetry span", destination.name)
      hands.push(made.hand)
    }
    if (options.trace !== undefined) {
      const file = yield* collecting("--trace", options.trace, document)
      yield* Effect.addFinalizer(() =>
        Effect.catch(file.write, ({ reason }) => lost(options, "OpenTelemetry span", file.name, file.count(), reason))
      )
      hands.push(file.hand)
    }
    const hear: EventSink = (event) => spans(event, Date.now()).forEach((span) => hands.forEach((hand) => hand(span)))
    sinks.push(yield* guarded(options, "OpenTelemetry", hear))
  }
  return sinks
})

/** A mistake of gemflow's own in what it tells others must not cost the run either: it ends the telling, with a remark. */
const guarded = Effect.fnUntraced(function*({ remark }: ListenerOptions, what: string, sink: EventSink) {
  let broken: string | undefined
  yield* Effect.addFinalizer(() =>
    broken === undefined ? Effect.void : remark(`gemflow: telling ${what} of the run ended early: ${broken}`)
  )
  const listening: EventSink = (event) => {
    if (broken !== undefined) return
    try {
      sink(event)
    } catch (error) {
      broken = error instanceof Error ? error.message : String(error)
    }
  }
  return listening
})

const finishing = <A>(options: ListenerOptions, made: Delivery<A>, what: string, where: string) =>
  Effect.addFinalizer((exit) =>
    Effect.flatMap(
      made.finish(Exit.hasInterrupts(exit) ? interruptedPatience : patience),
      (delivered: Delivered) =>
        delivered.lost === 0
          ? Effect.void
          : lost(options, what, where, delivered.lost, delivered.reason, delivered.handed)
    )
  )

const lost = (
  { remark }: ListenerOptions,
  what: string,
  where: string,
  count: number,
  reason = "they were not sent",
  of = count
) => remark(`gemflow: ${count} of ${of} ${what}s did not reach ${where}: ${reason}`)

/** The option, else what the environment says as it does to OpenLineage's own clients. */
const lineageTo = Effect.fnUntraced(function*(
  { environment, openlineage }: ListenerOptions
): Effect.fn.Return<Endpoint | { readonly path: string } | undefined, UnusableDestination> {
  const disabled = environment["OPENLINEAGE_DISABLED"]?.toLowerCase() === "true"
  const named = environment["OPENLINEAGE_URL"]
  const destination = openlineage ?? (disabled || !named ? undefined : named)
  if (destination === undefined) return undefined
  const option = openlineage === undefined ? "OPENLINEAGE_URL" : "--openlineage"
  const url = yield* urlOf(option, destination)
  if (url === undefined) return { path: destination }
  const key = environment["OPENLINEAGE_API_KEY"]
  const headers: Endpoint["headers"] = key ? { authorization: `Bearer ${key}` } : {}
  const path = environment["OPENLINEAGE_ENDPOINT"] || "api/v1/lineage"
  return { url: url.pathname === "/" ? new URL(path, url) : url, headers }
})

/** As the OpenTelemetry specification names it in the environment. */
const spansTo = Effect.fnUntraced(function*(environment: NodeJS.ProcessEnv) {
  const ofTraces = environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
  const ofAll = environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
  const disabled = environment["OTEL_SDK_DISABLED"]?.toLowerCase() === "true"
    || environment["OTEL_TRACES_EXPORTER"] === "none"
  const named = ofTraces || ofAll
  if (!named || disabled) return undefined
  const option = ofTraces ? "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" : "OTEL_EXPORTER_OTLP_ENDPOINT"
  const url = yield* urlOf(option, ofTraces ? named : `${named.replace(/\/$/, "")}/v1/traces`)
  if (url === undefined) return undefined
  const headers = {
    ...pairs(environment["OTEL_EXPORTER_OTLP_HEADERS"]),
    ...pairs(environment["OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
  }
  return { url, headers }
})

const resourceOf = ({ environment, version }: ListenerOptions) => ({
  "service.name": environment["OTEL_SERVICE_NAME"] || "gemflow",
  "service.version": version,
  "host.name": hostname(),
  "process.pid": process.pid,
  "telemetry.sdk.name": "gemflow",
  "telemetry.sdk.language": "nodejs",
  "telemetry.sdk.version": version,
  ...pairs(environment["OTEL_RESOURCE_ATTRIBUTES"])
})

/** `a=1,b=2`, percent-encoded, as OpenTelemetry writes headers and attributes in the environment. */
const pairs = (text: string | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (text ?? "").split(",").flatMap((pair) => {
      const [name = "", ...value] = pair.split("=")
      return name.trim() === "" || value.length === 0 ? [] : [[name.trim(), decoded(value.join("=").trim())]]
    })
  )

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign that encodes nothing is meant as it stands.
    return text
  }
}
