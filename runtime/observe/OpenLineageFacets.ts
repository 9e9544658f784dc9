/**
 * What gemflow tells about runs, jobs and datasets in terms of OpenLineage (https://openlineage.io): events of the version
 * 2-0-2 of the standard, and its facets.
 */
import * as Column from "../../artifacts/Column.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import { inputType, type NodeInstance } from "../pipeline/Pipeline.ts"

export type EventType = "START" | "COMPLETE" | "FAIL" | "ABORT"

export interface Facet {
  readonly _producer: string
  readonly _schemaURL: string
  readonly [field: string]: unknown
}

export interface Facets {
  readonly [name: string]: Facet
}

export interface Dataset {
  readonly namespace: string
  readonly name: string
  readonly facets?: Facets
  readonly inputFacets?: Facets
  readonly outputFacets?: Facets
}

export interface Job {
  readonly namespace: string
  readonly name: string
  readonly facets?: Facets
}

export interface RunEvent {
  readonly eventType: EventType
  /** ISO 8601. */
  readonly eventTime: string
  readonly run: { readonly runId: string; readonly facets?: Facets }
  readonly job: Job
  readonly inputs: ReadonlyArray<Dataset>
  readonly outputs: ReadonlyArray<Dataset>
  readonly producer: string
  readonly schemaURL: string
}

const standard = "https://openlineage.io/spec"
export const eventSchema = `${standard}/2-0-2/OpenLineage.json#/$defs/RunEvent`

/** The standard's facets that are used, in the versions that are meant. */
const versions = {
  ColumnLineageDatasetFacet: "1-2-0",
  DatasetVersionDatasetFacet: "1-0-1",
  DocumentationJobFacet: "1-1-0",
  ErrorMessageRunFacet: "1-0-1",
  InputStatisticsInputDatasetFacet: "1-0-0",
  JobTypeJobFacet: "2-0-3",
  OutputStatisticsOutputDatasetFacet: "1-0-2",
  ParentRunFacet: "1-1-0",
  ProcessingEngineRunFacet: "1-1-1",
  SchemaDatasetFacet: "1-1-1"
} as const

/** Makes facets that say who made them. */
export const facetsBy = (producer: string, version: string) => {
  const facet = (name: keyof typeof versions, fields: Readonly<Record<string, unknown>>): Facet => ({
    _producer: producer,
    _schemaURL: `${standard}/facets/${versions[name]}/${name}.json#/$defs/${name}`,
    ...fields
  })
  /** A facet of gemflow's own; its schema is in the package, under docs. */
  const own = (fields: Readonly<Record<string, unknown>>): Facet => ({
    _producer: producer,
    _schemaURL:
      `https://unpkg.com/gemflow@${version}/docs/openlineage/GemflowNodeRunFacet.json#/$defs/GemflowNodeRunFacet`,
    ...fields
  })
  return { facet, own }
}

/** Fields of a table, lists as an array of `_element`. */
export const schemaFields = (columns: Column.Fields): ReadonlyArray<unknown> =>
  Object.entries(columns).map(([name, column]) => schemaField(name, column))

const schemaField = (name: string, column: Column.Any): Readonly<Record<string, unknown>> => {
  const description = column.unit === undefined ? column.doc : `${column.doc} [${column.unit}]`.trim()
  return {
    name,
    type: column.kind === "list" ? "array" : column.kind,
    ...(description === "" ? {} : { description }),
    ...(column.kind === "list" ? { fields: [schemaField("_element", column.of)] } : {}),
    ...(column.kind === "struct" ? { fields: schemaFields(column.fields) } : {})
  }
}

interface InputField {
  readonly namespace: string
  readonly name: string
  readonly field: string
  readonly transformations?: ReadonlyArray<unknown>
}

/** With more pairs of columns than this, that all depends on all is said once, of the whole dataset. */
const mostPairs = 1000

/**
 * Which columns an output may depend on: those that the node declares to read, which is all it gets to see. An id that it
 * reads and makes is passed on as it is. Undefined for a node that reads no table.
 */
export const columnLineage = (
  instance: NodeInstance,
  datasetOf: (upstream: string) => { readonly namespace: string; readonly name: string }
): Readonly<Record<string, unknown>> | undefined => {
  const read = Object.entries(instance.inputs).flatMap(([input, upstreams]) => {
    const columns = inputType(instance.node, input)?.columns ?? {}
    return upstreams.flatMap((upstream) => {
      const { name, namespace } = datasetOf(upstream)
      return Object.entries(columns).map(([field, column]) => ({ namespace, name, field, column }))
    })
  })
  if (read.length === 0) return undefined
  const made = Object.entries(instance.node.output.columns)
  const isPassedOn = (name: string, column: Column.Any, from: (typeof read)[number]) =>
    from.field === name && isId(column) && isId(from.column) && Column.satisfies(from.column, column)
  const many = read.length * made.length > mostPairs
  const fields = made.flatMap(([name, column]) => {
    const inputFields = read.flatMap(({ column: from, ...input }): ReadonlyArray<InputField> =>
      isPassedOn(name, column, { column: from, ...input })
        ? [{ ...input, transformations: [{ type: "DIRECT", subtype: "IDENTITY" }] }]
        : many
        ? []
        : [input]
    )
    return inputFields.length === 0 ? [] : [[name, { inputFields }] as const]
  })
  return {
    fields: Object.fromEntries(fields),
    ...(many ? { dataset: read.map(({ field, name, namespace }): InputField => ({ namespace, name, field })) } : {})
  }
}

const isId = (column: Column.Any): boolean => "id" in column && column.id === true

/** Gives what identifies a dataset's content, and how it looks. Thousands of nodes may share a table type. */
export const datasetFacetsBy = (facet: ReturnType<typeof facetsBy>["facet"]) => {
  const schemas = new Map<TableType.Any, Facet>()
  return (type: TableType.Any, digest: string | undefined): Facets => {
    const schema = schemas.get(type) ?? facet("SchemaDatasetFacet", { fields: schemaFields(type.columns) })
    schemas.set(type, schema)
    const version = digest === undefined
      ? {}
      : { version: facet("DatasetVersionDatasetFacet", { datasetVersion: digest }) }
    return { schema, ...version }
  }
}
