/**
 * A run as OpenLineage events: the pipeline and each of its nodes is a job, a run of gemflow has a run of each, and a
 * node's output is a dataset whose version is the artifact's digest. Files that nodes read are datasets too.
 */
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Event } from "../execution/Event.ts"
import type { NodeInstance, Pipeline } from "../pipeline/Pipeline.ts"
import {
  columnLineage,
  type Dataset,
  datasetFacetsBy,
  eventSchema,
  type EventType,
  type Facets,
  facetsBy,
  type Job,
  type RunEvent
} from "./OpenLineageFacets.ts"
import { uuidOf } from "./RunIdentity.ts"

export interface LineageContext {
  readonly pipeline: Pipeline
  /** Where relative paths of input files start. */
  readonly projectRoot: string
  /** Of jobs and of the tables that they make. */
  readonly namespace: string
  /** Of gemflow. */
  readonly version: string
}

type NodeEvent = Extract<Event, { readonly node: string }>

interface Known {
  readonly digest: string
  readonly rows: number
}

/** Gives, for each event of a run and when it happened, the OpenLineage events that tell it. */
export const openLineage = (context: LineageContext): (event: Event, at: number) => ReadonlyArray<RunEvent> => {
  const { namespace, pipeline, projectRoot, version } = context
  const producer = `https://www.npmjs.com/package/gemflow/v/${version}`
  const { facet, own } = facetsBy(producer, version)
  const datasetFacets = datasetFacetsBy(facet)
  const outputs = new Map<string, Known>()
  /** Runs of nodes that have started and are not done, with what was told of its start. */
  const active = new Map<string, { readonly runId: string; readonly told: Readonly<Record<string, unknown>> }>()
  const failures: Array<string> = []
  let interrupted = false
  let run = { name: "", runId: "" }

  const datasetOf = (node: string) => ({ namespace, name: `${pipeline.name}/${node}` })
  const job = (name: string, jobType: "PIPELINE" | "NODE", doc: string): Job => ({
    namespace,
    name,
    facets: {
      jobType: facet("JobTypeJobFacet", { processingType: "BATCH", integration: "GEMFLOW", jobType }),
      ...(doc === "" ? {} : { documentation: facet("DocumentationJobFacet", { description: doc }) })
    }
  })
  const event = (
    eventType: EventType,
    at: number,
    runId: string,
    facets: Facets,
    rest: Pick<RunEvent, "job" | "inputs" | "outputs">
  ): RunEvent => ({
    eventType,
    eventTime: new Date(at).toISOString(),
    run: { runId, facets: { processing_engine: engine, ...facets } },
    ...rest,
    producer,
    schemaURL: eventSchema
  })
  const engine = facet("ProcessingEngineRunFacet", { version, name: "gemflow" })
  const errorMessage = (message: string) =>
    facet("ErrorMessageRunFacet", { message, programmingLanguage: "TypeScript" })

  const filesOf = (instance: NodeInstance): ReadonlyArray<Dataset> =>
    Object.keys(instance.node.files).flatMap((field) => {
      const path = instance.config[field]
      // As the standard names files: by their path.
      return typeof path === "string"
        ? [{ namespace: "file", name: decodeURIComponent(pathToFileURL(resolve(projectRoot, path)).pathname) }]
        : []
    })

  const inputsOf = (instance: NodeInstance): ReadonlyArray<Dataset> => {
    const upstreams = new Set(Object.values(instance.inputs).flat())
    const tables = [...upstreams].flatMap((upstream): ReadonlyArray<Dataset> => {
      const source = pipeline.byName.get(upstream)
      if (source === undefined) return []
      const known = outputs.get(upstream)
      return [{
        ...datasetOf(upstream),
        facets: datasetFacets(source.node.output, known?.digest),
        ...(known === undefined
          ? {}
          : { inputFacets: { inputStatistics: facet("InputStatisticsInputDatasetFacet", { rowCount: known.rows }) } })
      }]
    })
    return [...tables, ...filesOf(instance)]
  }

  const outputOf = (instance: NodeInstance, known: Known | undefined): Dataset => {
    // It can be long, and is the same at the start of a node as at its end.
    const lineage = known === undefined ? undefined : columnLineage(instance, datasetOf)
    return {
      ...datasetOf(instance.name),
      facets: {
        ...datasetFacets(instance.node.output, known?.digest),
        ...(lineage === undefined ? {} : { columnLineage: facet("ColumnLineageDatasetFacet", lineage) })
      },
      ...(known === undefined
        ? {}
        : { outputFacets: { outputStatistics: facet("OutputStatisticsOutputDatasetFacet", { rowCount: known.rows }) } })
    }
  }

  const parent = () => {
    const self = { run: { runId: run.runId }, job: { namespace, name: pipeline.name } }
    return facet("ParentRunFacet", { ...self, root: self })
  }

  const nodeEvent = (
    type: EventType,
    at: number,
    node: string,
    runId: string,
    told: Readonly<Record<string, unknown>>,
    { facets = {}, known }: { readonly known?: Known; readonly facets?: Facets } = {}
  ): ReadonlyArray<RunEvent> => {
    const instance = pipeline.byName.get(node)
    if (instance === undefined) return []
    return [
      event(type, at, runId, {
        parent: parent(),
        gemflow_node: own({ node, kind: instance.node.name, ...told }),
        ...facets
      }, {
        job: job(`${pipeline.name}.${node}`, "NODE", instance.node.doc),
        inputs: inputsOf(instance),
        outputs: [outputOf(instance, known)]
      })
    ]
  }

  /** The run of a node, with the event that starts it where there was none. */
  const runOf = ({ node }: NodeEvent, at: number, told: Readonly<Record<string, unknown>>) => {
    const known = active.get(node)
    if (known !== undefined) return { ...known, events: [] }
    const runId = uuidOf(`${run.name}/${node}`, at)
    active.set(node, { runId, told })
    return { runId, told, events: nodeEvent("START", at, node, runId, told) }
  }

  const pipelineEvent = (type: EventType, at: number, facets: Facets = {}) => {
    const result = pipeline.result === undefined ? undefined : pipeline.byName.get(pipeline.result)
    const known = result === undefined ? undefined : outputs.get(result.name)
    return event(type, at, run.runId, facets, {
      job: job(pipeline.name, "PIPELINE", ""),
      inputs: pipeline.nodes.flatMap(filesOf),
      outputs: result === undefined || type !== "COMPLETE" || known === undefined ? [] : [outputOf(result, known)]
    })
  }

  return (event, at) => {
    switch (event.type) {
      case "RunStarted":
        run = { name: event.run, runId: uuidOf(event.run, at) }
        return [pipelineEvent("START", at)]
      case "NodeStarted": {
        // A further attempt belongs to the same run.
        const { details, device, reasons } = event
        return runOf(event, at, { status: "executing", reasons, details, device }).events
      }
      case "NodeFinished": {
        const { digest, durationMs, key, node, rows, status } = event
        const { events, runId, told } = runOf(event, at, { status })
        active.delete(node)
        const known = { digest, rows }
        outputs.set(node, known)
        const now = { ...told, status, durationMs, ...(key === undefined ? {} : { key }) }
        return [...events, ...nodeEvent("COMPLETE", at, node, runId, now, { known })]
      }
      case "NodeFailed": {
        const { durationMs, message, node } = event
        failures.push(`${node}: ${message}`)
        const { events, runId, told } = runOf(event, at, { status: "failed" })
        active.delete(node)
        const facets = { errorMessage: errorMessage(message) }
        return [
          ...events,
          ...nodeEvent("FAIL", at, node, runId, { ...told, status: "failed", durationMs }, { facets })
        ]
      }
      case "RunInterrupted":
        interrupted = true
        return []
      case "RunFinished": {
        const unfinished = [...active].flatMap(([node, { runId, told }]) =>
          nodeEvent("ABORT", at, node, runId, { ...told, status: "interrupted" })
        )
        active.clear()
        const type = interrupted ? "ABORT" : event.failed > 0 ? "FAIL" : "COMPLETE"
        const facets = failures.length === 0 ? {} : { errorMessage: errorMessage(failures.join("\n")) }
        return [...unfinished, pipelineEvent(type, at, facets)]
      }
      case "NodeWaiting":
      case "NodeProgress":
      case "PartitionFinished":
      case "NodeRetrying":
      case "NodeSkipped":
      case "ArtifactLost":
        return []
    }
  }
}
