/** Who listens to a run beside the terminal: options, and the sink that passes events on to all. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EventSink } from "../execution/Event.ts"
import { installedPackage } from "../execution/InstalledPackage.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { remark } from "./Output.ts"

export const flags = {
  openlineage: Flag.String("openlineage").pipe(
    Flag.withMetavar("FILE|URL"),
    Flag.withDescription(
      "Add OpenLineage events to a file, a line each, or send them to a URL (default: OPENLINEAGE_URL)"
    ),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  trace: Flag.String("trace").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write the run's OpenTelemetry spans to a file; OTEL_EXPORTER_OTLP_ENDPOINT sends them"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )
}

/** Only those whom the environment names. */
export const environmentOnly: Options = { openlineage: undefined, trace: undefined }

interface Options {
  readonly openlineage: string | undefined
  readonly trace: string | undefined
}

/** The sink for a run: `shown`, and whoever else listens. Nothing of them is loaded when nobody does. */
export const listening = Effect.fnUntraced(
  function*({ openlineage, trace }: Options, pipeline: Pipeline, projectRoot: string, shown: EventSink) {
    const asked = openlineage !== undefined || trace !== undefined
      || Object.keys(process.env).some((name) => /^(OTEL_EXPORTER_OTLP_|OPENLINEAGE_URL$)/.test(name))
    if (!asked) return shown
    const { listeners } = yield* Effect.promise(() => import("../observe/Listeners.ts"))
    const version = installedPackage("gemflow", import.meta.dirname)?.version ?? "0.0.0"
    const sinks = yield* listeners({
      openlineage,
      trace,
      pipeline,
      projectRoot,
      version,
      environment: process.env,
      remark
    })
    const all: EventSink = (event) => {
      shown(event)
      sinks.forEach((sink) => sink(event))
    }
    return all
  }
)
