import { describe, expect, it } from "@effect/vitest"
import addFormats from "ajv-formats"
import { Ajv2020 } from "ajv/dist/2020.js"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Column from "../../../artifacts/Column.ts"
import * as TableType from "../../../artifacts/TableType.ts"
import gem from "../../../pipelines/gem.ts"
import type { Event } from "../../../runtime/execution/Event.ts"
import { openLineage } from "../../../runtime/observe/OpenLineage.ts"
import { columnLineage, type RunEvent } from "../../../runtime/observe/OpenLineageFacets.ts"
import { uuidOf } from "../../../runtime/observe/RunIdentity.ts"
import { temporaryProject } from "../cli/TemporaryProject.ts"
import { eventsOfEachKind } from "./eventsOfEachKind.ts"
import { openLineageSchema } from "./openLineageSchema.ts"

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
addFormats.default(ajv)
const valid = ajv.compile(openLineageSchema)
const ownFacet = ajv.compile(
  JSON.parse(readFileSync(new URL("../../../docs/openlineage/GemflowNodeRunFacet.json", import.meta.url), "utf8"))
    .$defs.GemflowNodeRunFacet
)

const expectValid = (events: ReadonlyArray<RunEvent>) => {
  for (const event of events) {
    expect(valid(event) ? [] : valid.errors).toEqual([])
    const own = event.run.facets?.["gemflow_node"]
    if (own !== undefined) expect(ownFacet(own) ? [] : ownFacet.errors).toEqual([])
  }
}

/** Type, job and the status that gemflow tells. */
const told = (events: ReadonlyArray<RunEvent>) =>
  events.map(({ eventType, job, run }) =>
    `${eventType} ${job.name} ${run.facets?.["gemflow_node"]?.["status"] ?? ""}`.trim()
  )

describe("gemflow run --openlineage", () => {
  const eventsIn = (project: { readonly root: string }): ReadonlyArray<RunEvent> =>
    readFileSync(join(project.root, "events.ndjson"), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line))

  it("writes valid events of the run and of each node, also of those that failed", async () => {
    const project = temporaryProject()
    await project.inProcess("run", "numbers.ts", "--openlineage", "events.ndjson", "--set", "trouble.mode=failure")
    const events = eventsIn(project)
    expectValid(events)
    expect(told(events)).toEqual([
      "START numbers",
      "START numbers.numbers executing",
      "COMPLETE numbers.numbers executed",
      "START numbers.scale executing",
      "COMPLETE numbers.scale executed",
      "START numbers.sign executing",
      "COMPLETE numbers.sign executed",
      "START numbers.trouble executing",
      "FAIL numbers.trouble failed",
      "FAIL numbers"
    ])
    const [start] = events
    const scale = events.find((event) => event.eventType === "COMPLETE" && event.job.name === "numbers.scale")
    expect(scale?.run.facets?.["parent"]).toMatchObject({ run: { runId: start?.run.runId }, job: { name: "numbers" } })
    expect(scale?.inputs).toMatchObject([{
      namespace: "default",
      name: "numbers/numbers",
      facets: { version: { datasetVersion: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      inputFacets: { inputStatistics: { rowCount: 4 } }
    }])
    expect(scale?.outputs).toMatchObject([{
      name: "numbers/scale",
      facets: { schema: { fields: [{ name: "id", type: "utf8" }, { name: "value", type: "float64" }] } },
      outputFacets: { outputStatistics: { rowCount: 4 } }
    }])

    // Added to the file, not instead of what is there: cached nodes have runs of their own.
    await project.inProcess("run", "numbers.ts", "--openlineage", "events.ndjson", "--select", "scale")
    expectValid(eventsIn(project))
    expect(told(eventsIn(project)).slice(events.length)).toEqual([
      "START numbers",
      "START numbers.numbers cached",
      "COMPLETE numbers.numbers cached",
      "START numbers.scale cached",
      "COMPLETE numbers.scale cached",
      "COMPLETE numbers"
    ])
  })

  it("refuses a destination that cannot be one, before anything runs", async () => {
    const project = temporaryProject()
    const folder = await project.inProcess("run", "numbers.ts", "--openlineage", "absent/events.ndjson")
    expect(folder.code).toBe(2)
    expect(folder.err).toContain("--openlineage absent/events.ndjson: cannot be written")
    const scheme = await project.inProcess("run", "numbers.ts", "--openlineage", "kafka://localhost")
    expect(scheme.code).toBe(2)
    expect(scheme.err).toContain("has the scheme kafka. Name a file in an existing folder, or an http(s) URL.")
  })
})

describe("OpenLineage events", () => {
  const context = { pipeline: gem, projectRoot: "/project with blanks", namespace: "default", version: "1.2.3" }

  it("are valid for every event of a run, of a pipeline of real tables", () => {
    const tell = openLineage(context)
    const node = "round-1/sample"
    const all = eventsOfEachKind(node, "sample").flatMap((event, index) => [...tell(event, 1_700_000_000_000 + index)])
    expectValid(all)
    expect(told(all)).toEqual([
      "START gem",
      "START gem.round-1/sample executing",
      "COMPLETE gem.round-1/sample executed",
      "START gem.preference-pairs failed",
      "FAIL gem.preference-pairs failed",
      "ABORT gem"
    ])
    // Files that nodes read are datasets, by their paths.
    expect(all.find(({ job }) => job.name === "gem.preference-pairs")?.inputs)
      .toEqual([{ namespace: "file", name: "/project with blanks/pipelines/demo/preference-pairs.jsonl" }])
  })

  it("abort what an interruption left unfinished", () => {
    const tell = openLineage(context)
    const events: ReadonlyArray<Event> = [
      { type: "RunStarted", run: "r", pipeline: "gem", file: "f", store: "s", nodes: [] },
      { type: "NodeStarted", node: "round-1/rank", kind: "rank", reasons: [], details: [], device: null },
      { type: "RunInterrupted", run: "r" },
      { type: "RunFinished", run: "r", executed: 0, cached: 0, failed: 0, durationMs: 1 }
    ]
    const all = events.flatMap((event) => [...tell(event, 0)])
    expectValid(all)
    expect(told(all).slice(1)).toEqual([
      "START gem.round-1/rank executing",
      "ABORT gem.round-1/rank interrupted",
      "ABORT gem"
    ])
    expect(all[1]?.run.runId).toBe(all[2]?.run.runId)
  })

  it("are checked by a schema that finds mistakes", () => {
    const [event] = openLineage(context)({
      type: "RunStarted",
      run: "r",
      pipeline: "gem",
      file: "f",
      store: "s",
      nodes: []
    }, 0)
    expect(valid(event)).toBe(true)
    expect(valid({ ...event, eventTime: "yesterday" })).toBe(false)
    expect(valid({ ...event, run: { ...event?.run, runId: "r" } })).toBe(false)
    expect(valid({ ...event, outputs: [{ name: "without a namespace" }] })).toBe(false)
  })

  it("have runs whose ids are UUIDs by time", () => {
    const early = uuidOf("a", 1_700_000_000_000)
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(uuidOf("a", 1_700_000_000_000)).toBe(early)
    expect(uuidOf("b", 1_700_000_000_000)).not.toBe(early)
    expect(uuidOf("a", 1_700_000_000_001) > early).toBe(true)
  })
})

describe("column lineage", () => {
  const datasetOf = (name: string) => ({ namespace: "n", name })
  const instance = (columns: Column.Fields, made: Column.Fields) => {
    const [any] = gem.nodes
    if (any === undefined) throw new Error("no node")
    const input = TableType.make("In", columns)
    return {
      ...any,
      inputs: { table: ["source"] },
      node: { ...any.node, inputs: { table: input }, output: TableType.make("Out", made) }
    }
  }

  it("says that a column may depend on those that are read, and that an id is passed on", () => {
    const id = { ...Column.utf8({ doc: "id" }), id: true }
    expect(columnLineage(instance({ id, value: Column.float64() }, { id, sum: Column.float64() }), datasetOf)).toEqual({
      fields: {
        id: {
          inputFields: [
            { ...datasetOf("source"), field: "id", transformations: [{ type: "DIRECT", subtype: "IDENTITY" }] },
            { ...datasetOf("source"), field: "value" }
          ]
        },
        sum: { inputFields: [{ ...datasetOf("source"), field: "id" }, { ...datasetOf("source"), field: "value" }] }
      }
    })
  })

  it("says it once where there are many columns", () => {
    const wide = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`c${index}`, Column.float64()]))
    const lineage = columnLineage(instance(wide, wide), datasetOf)
    expect(lineage?.["fields"]).toEqual({})
    expect(lineage?.["dataset"]).toHaveLength(40)
  })
})
