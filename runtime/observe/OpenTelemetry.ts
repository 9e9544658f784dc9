/**
 * A run as OpenTelemetry spans: one trace per run, with a span for the run, below it one for each node, and below that one
 * for each partition. A span comes when it has ended.
 */
import { entriesToAttributes } from "effect/observability/OtlpResource"
import type { TraceData } from "effect/observability/OtlpTracer"
import { randomBytes } from "node:crypto"
import type { Event } from "../execution/Event.ts"

/** A span as OTLP writes it in JSON. */
export type Span = TraceData["resourceSpans"][number]["scopeSpans"][number]["spans"][number]

/** Of the OpenTelemetry protocol. */
const internalKind = 1
const unset = { code: 0 } as const
const ok = { code: 1 } as const
const error = (message: string) => ({ code: 2, message }) as const

/** What is above the run, of the W3C header `traceparent`. */
export interface ParentSpan {
  readonly traceId: string
  readonly spanId: string
}

/** A parent as the environment variable TRACEPARENT names it. */
export const parentSpan = (traceparent: string | undefined): ParentSpan | undefined => {
  const [, traceId, spanId] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(traceparent ?? "") ?? []
  return traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)
    ? undefined
    : { traceId, spanId }
}

interface OpenSpan {
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly startedAt: number
  readonly attributes: Record<string, unknown>
  readonly events: Array<{ readonly name: string; readonly at: number; readonly attributes: Record<string, unknown> }>
}

/** Gives, for each event of a run and when it happened, the spans that ended with it. */
export const spansOf = (parent: ParentSpan | undefined): (event: Event, at: number) => ReadonlyArray<Span> => {
  const traceId = parent?.traceId ?? randomBytes(16).toString("hex")
  const nodes = new Map<string, OpenSpan>()
  let run: OpenSpan | undefined
  let interrupted = false

  const open = (
    name: string,
    startedAt: number,
    parentSpanId: string | undefined,
    attributes: Record<string, unknown>
  ): OpenSpan => ({
    spanId: randomBytes(8).toString("hex"),
    parentSpanId,
    name,
    startedAt,
    attributes,
    events: []
  })
  const end = (span: OpenSpan, at: number, status: Span["status"]): Span => ({
    traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: internalKind,
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(Math.max(at, span.startedAt)),
    attributes: entriesToAttributes(present(span.attributes)),
    droppedAttributesCount: 0,
    events: span.events.map((each) => ({
      name: each.name,
      timeUnixNano: nanoseconds(each.at),
      attributes: entriesToAttributes(present(each.attributes)),
      droppedAttributesCount: 0
    })),
    droppedEventsCount: 0,
    status,
    links: [],
    droppedLinksCount: 0
  })
  const nodeSpan = ({ kind, node }: { readonly node: string; readonly kind: string }, startedAt: number) => {
    const known = nodes.get(node)
      ?? open(node, startedAt, run?.spanId, { "gemflow.node": node, "gemflow.node.kind": kind })
    nodes.set(node, known)
    return known
  }
  const endNode = (node: string, span: OpenSpan, at: number, status: Span["status"]) => {
    nodes.delete(node)
    return end(span, at, status)
  }

  return (event, at) => {
    switch (event.type) {
      case "RunStarted":
        run = open(`gemflow run ${event.pipeline}`, at, parent?.spanId, {
          "gemflow.run": event.run,
          "gemflow.pipeline": event.pipeline,
          "gemflow.file": event.file,
          "gemflow.store": event.store,
          "gemflow.nodes": event.nodes.length
        })
        return []
      case "NodeWaiting":
        nodeSpan(event, at).events.push({ name: "waiting", at, attributes: { "gemflow.waits_for": event.waitsFor } })
        return []
      case "NodeStarted": {
        const span = nodeSpan(event, at)
        if (span.startedAt < at) span.events.push({ name: "started", at, attributes: {} })
        Object.assign(span.attributes, {
          "gemflow.device": event.device,
          "gemflow.reasons": event.reasons,
          "gemflow.details": event.details
        })
        return []
      }
      case "NodeProgress":
        if (event.note !== undefined) nodeSpan(event, at).attributes["gemflow.note"] = event.note
        return []
      case "PartitionFinished": {
        const of = nodeSpan(event, at - event.durationMs)
        const span = open(`${event.node} [${event.position}]`, at - event.durationMs, of.spanId, {
          "gemflow.node": event.node,
          "gemflow.node.kind": event.kind,
          "gemflow.partition": event.position,
          "gemflow.status": event.status,
          "gemflow.rows": event.rows
        })
        return [end(span, at, ok)]
      }
      case "NodeRetrying":
        nodeSpan(event, at).events.push({
          name: "retry",
          at,
          attributes: {
            "gemflow.attempt": event.attempt,
            "gemflow.attempts": event.of,
            "gemflow.delay_ms": event.delayMs,
            "exception.message": event.message
          }
        })
        return []
      case "ArtifactLost":
        nodeSpan(event, at).events.push({
          name: "artifact lost",
          at,
          attributes: { "gemflow.artifact": event.digest, "exception.message": event.message }
        })
        return []
      case "NodeFinished": {
        const span = nodeSpan(event, at - event.durationMs)
        Object.assign(span.attributes, {
          "gemflow.status": event.status,
          "gemflow.key": event.key,
          "gemflow.artifact": event.digest,
          "gemflow.rows": event.rows,
          ...(event.reasons.length === 0 ? {} : { "gemflow.reasons": event.reasons, "gemflow.details": event.details })
        })
        return [endNode(event.node, span, at, ok)]
      }
      case "NodeFailed": {
        const span = nodeSpan(event, at - event.durationMs)
        span.attributes["gemflow.status"] = "failed"
        span.events.push({ name: "exception", at, attributes: { "exception.message": event.message } })
        return [endNode(event.node, span, at, error(event.message))]
      }
      case "NodeSkipped": {
        const span = nodeSpan(event, at)
        Object.assign(span.attributes, { "gemflow.status": "skipped", "gemflow.because": event.because })
        return [endNode(event.node, span, at, unset)]
      }
      case "RunInterrupted":
        interrupted = true
        return []
      case "RunFinished": {
        const unfinished = [...nodes].map(([node, span]) => {
          span.attributes["gemflow.status"] = "interrupted"
          return endNode(node, span, at, error("interrupted"))
        })
        if (run === undefined) return unfinished
        Object.assign(run.attributes, {
          "gemflow.status": interrupted ? "interrupted" : event.failed > 0 ? "failed" : "succeeded",
          "gemflow.executed": event.executed,
          "gemflow.cached": event.cached,
          "gemflow.failed": event.failed
        })
        const { failed } = event
        const ended = interrupted ? error("interrupted") : failed > 0 ? error(`${failed} nodes failed`) : ok
        return [...unfinished, end(run, at, ended)]
      }
    }
  }
}

/** An export request of the OpenTelemetry protocol. */
export const traceData = (
  spans: ReadonlyArray<Span>,
  resource: Readonly<Record<string, unknown>>,
  version: string
): TraceData => ({
  resourceSpans: [{
    resource: { attributes: entriesToAttributes(Object.entries(resource)), droppedAttributesCount: 0 },
    scopeSpans: [{ scope: { name: "gemflow", version }, spans: [...spans] }]
  }]
})

const nanoseconds = (milliseconds: number): string => (BigInt(Math.round(milliseconds * 1000)) * 1000n).toString()

const present = (attributes: Record<string, unknown>): ReadonlyArray<[string, unknown]> =>
  Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null)
