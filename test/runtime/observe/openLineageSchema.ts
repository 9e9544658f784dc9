/**
 * What OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json, by the contributors to the OpenLineage
 * project, Apache License 2.0) requires of run events and of the facets that gemflow uses, restated as a JSON schema in our
 * own words: the published schemas are in no package that tests could install. Where these allow further fields, ours do
 * not, so that a misspelt field is found.
 */
const text = { type: "string" }
const uri = { type: "string", format: "uri" }
const uuid = { type: "string", format: "uuid" }
const natural = { type: "integer", minimum: 0 }

const record = (properties: Record<string, object>, ...optional: ReadonlyArray<string>) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false
})

const facet = (name: string, version: string, properties: Record<string, object>, ...optional: ReadonlyArray<string>) =>
  record(
    {
      _producer: uri,
      _schemaURL: { const: `https://openlineage.io/spec/facets/${version}/${name}.json#/$defs/${name}` },
      ...properties
    },
    ...optional
  )

/** Facets under the names that the standard gives them; custom ones begin with a prefix and say who made them. */
const facets = (known: Record<string, object>) => ({
  type: "object",
  properties: known,
  patternProperties: {
    "^gemflow_": {
      type: "object",
      properties: { _producer: uri, _schemaURL: uri },
      required: ["_producer", "_schemaURL"]
    }
  },
  additionalProperties: false
})

const job = record({ namespace: text, name: text })
const run = record({ runId: uuid })
const dataset = { namespace: text, name: text }
const inputField = record(
  {
    ...dataset,
    field: text,
    transformations: {
      type: "array",
      items: record(
        { type: { enum: ["DIRECT", "INDIRECT"] }, subtype: text, description: text, masking: { type: "boolean" } },
        "subtype",
        "description",
        "masking"
      )
    }
  },
  "transformations"
)

const datasetFacets = facets({
  schema: facet("SchemaDatasetFacet", "1-1-1", { fields: { type: "array", items: { $ref: "#/$defs/field" } } }),
  version: facet("DatasetVersionDatasetFacet", "1-0-1", { datasetVersion: text }),
  columnLineage: facet(
    "ColumnLineageDatasetFacet",
    "1-2-0",
    {
      fields: {
        type: "object",
        additionalProperties: record({ inputFields: { type: "array", items: inputField } })
      },
      dataset: { type: "array", items: inputField }
    },
    "dataset"
  )
})

export const openLineageSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $defs: {
    field: record(
      { name: text, type: text, description: text, fields: { type: "array", items: { $ref: "#/$defs/field" } } },
      "type",
      "description",
      "fields"
    )
  },
  ...record({
    eventType: { enum: ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] },
    eventTime: { type: "string", format: "date-time" },
    run: record({
      runId: uuid,
      facets: facets({
        parent: facet("ParentRunFacet", "1-1-0", { run, job, root: record({ run, job }) }),
        errorMessage: facet(
          "ErrorMessageRunFacet",
          "1-0-1",
          { message: text, programmingLanguage: text, stackTrace: text },
          "stackTrace"
        ),
        processing_engine: facet("ProcessingEngineRunFacet", "1-1-1", { version: text, name: text })
      })
    }),
    job: record({
      namespace: text,
      name: text,
      facets: facets({
        jobType: facet("JobTypeJobFacet", "2-0-3", { processingType: text, integration: text, jobType: text }),
        documentation: facet("DocumentationJobFacet", "1-1-0", { description: text })
      })
    }),
    inputs: {
      type: "array",
      items: record(
        {
          ...dataset,
          facets: datasetFacets,
          inputFacets: facets({
            inputStatistics: facet("InputStatisticsInputDatasetFacet", "1-0-0", { rowCount: natural })
          })
        },
        "facets",
        "inputFacets"
      )
    },
    outputs: {
      type: "array",
      items: record(
        {
          ...dataset,
          facets: datasetFacets,
          outputFacets: facets({
            outputStatistics: facet("OutputStatisticsOutputDatasetFacet", "1-0-2", { rowCount: natural })
          })
        },
        "facets",
        "outputFacets"
      )
    },
    producer: uri,
    schemaURL: { const: "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent" }
  })
}
