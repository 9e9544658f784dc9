/** Questions about where a result came from, and what came of it. Pure: the rows of the catalog in, graphs out. */
import type { ActionRow, ExecutionRow, ExecutionStatus, InputRow, RunRow } from "./CatalogRows.ts"

/** A node instance with what is known of its output. */
export interface LineageNode {
  readonly node: string
  readonly kind: string
  /** `not-run`: it has no output. `outdated`: its last output was computed from other artifacts than those shown here. */
  readonly status: ExecutionStatus | "not-run" | "outdated"
  readonly artifact?: string
  readonly rows?: number
  /** The run that computed the artifact; an earlier one when the node was cached. */
  readonly computedBy?: string
  readonly durationMs?: number
  readonly config?: unknown
  readonly error?: string
}

/** Data flowed from one instance into an input of another. */
export interface LineageEdge {
  readonly from: string
  readonly to: string
  readonly input: string
}

export interface LineageGraph {
  /** The run that the graph tells of; absent when the node in question has no output yet. */
  readonly run?: string
  /** Each after those it reads. */
  readonly nodes: ReadonlyArray<LineageNode>
  readonly edges: ReadonlyArray<LineageEdge>
}

/** An instance as the pipeline file declares it. */
export interface DeclaredNode {
  readonly node: string
  readonly kind: string
  readonly inputs: Readonly<Record<string, ReadonlyArray<string>>>
}

/** What the catalog recorded of a run. */
export interface RecordedRun {
  readonly run: RunRow
  readonly executions: ReadonlyArray<ExecutionRow>
  readonly inputs: ReadonlyArray<InputRow>
  readonly actions: ReadonlyArray<ActionRow>
}

/** What is known of a node from the last run in which it had an output. */
export interface LastOutput {
  readonly execution: ExecutionRow
  readonly inputs: ReadonlyArray<InputRow>
  readonly action?: ActionRow
}

/**
 * The lineage of a pipeline: as recorded for the nodes that took part in the run; for the others as last recorded, if
 * that was computed from the same artifacts, else as declared. `declared` is in topological order.
 */
export const lineageGraph = (
  declared: ReadonlyArray<DeclaredNode>,
  recorded: RecordedRun | undefined,
  lastOutputs: ReadonlyMap<string, LastOutput> = new Map()
): LineageGraph => {
  const known = new Set(declared.map(({ node }) => node))
  const actions = new Map(recorded?.actions.map((action) => [action.key_digest, action]))
  const executions = recorded?.executions ?? []
  const took = new Map(executions.map((execution) => [execution.node, execution]))
  const present = (execution: ExecutionRow) => lineageNode(execution, actions.get(execution.key_digest ?? ""))
  // Nodes that the file no longer declares come first: what it does declare may have been computed from them.
  const nodes = executions.filter(({ node }) => !known.has(node)).map(present)
  const artifacts = new Map(executions.map(({ node, output }) => [node, output]))
  const edges = (recorded?.inputs ?? []).map(({ input, node, source }): LineageEdge => ({
    from: source,
    to: node,
    input
  }))

  for (const { inputs, kind, node } of declared) {
    const execution = took.get(node)
    if (execution !== undefined) nodes.push(present(execution))
    // The inputs of what has an output in this run are recorded; of all else the declared ones are told.
    if (execution?.output == null) {
      const wired = Object.entries(inputs).flatMap(([input, sources]) =>
        sources.map((from) => ({ from, to: node, input }))
      )
      edges.push(...wired)
    }
    if (execution !== undefined) continue
    const last = lastOutputs.get(node)
    if (last === undefined) {
      nodes.push({ node, kind, status: "not-run" })
    } else if (last.inputs.every(({ artifact, source }) => artifacts.get(source) === artifact)) {
      artifacts.set(node, last.execution.output)
      nodes.push(lineageNode(last.execution, last.action))
    } else nodes.push({ node, kind, status: "outdated" })
  }
  return { ...(recorded === undefined ? {} : { run: recorded.run.run }), nodes, edges }
}

const lineageNode = (execution: ExecutionRow, action: ActionRow | undefined): LineageNode => ({
  node: execution.node,
  kind: execution.kind,
  status: execution.status,
  durationMs: execution.duration_ms,
  ...(execution.output === null ? {} : { artifact: execution.output }),
  ...(execution.row_count === null ? {} : { rows: execution.row_count }),
  ...(execution.error === null ? {} : { error: execution.error }),
  ...(action === undefined ? {} : { computedBy: action.run, config: configOf(action.key) })
})

const configOf = (key: unknown): unknown =>
  typeof key === "object" && key !== null && "config" in key ? key.config : undefined

/** The node and everything that its output was computed from. */
export const ancestors = (graph: LineageGraph, node: string): LineageGraph =>
  reachable(graph, node, (edge) => edge.to, (edge) => edge.from)

/** The node and everything that was computed from its output. */
export const descendants = (graph: LineageGraph, node: string): LineageGraph =>
  reachable(graph, node, (edge) => edge.from, (edge) => edge.to)

const reachable = (
  graph: LineageGraph,
  start: string,
  near: (edge: LineageEdge) => string,
  far: (edge: LineageEdge) => string
): LineageGraph => {
  const next = Map.groupBy(graph.edges, near)
  const found = new Set([start])
  // A Set may grow while it is walked.
  for (const node of found) next.get(node)?.forEach((edge) => found.add(far(edge)))
  return {
    ...graph,
    nodes: graph.nodes.filter(({ node }) => found.has(node)),
    edges: graph.edges.filter(({ from, to }) => found.has(from) && found.has(to))
  }
}
