/** Questions about where a result came from, and what came of it. Pure: the rows of the catalog in, graphs out. */
import type { ActionRow, ExecutionRow, ExecutionStatus, InputRow, RunRow } from "./CatalogRows.ts"

/** A node instance with what is known of its output. */
export interface LineageNode {
  readonly node: string
  readonly kind: string
  readonly status: ExecutionStatus | "not-run"
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
  /** The run that the graph tells of; absent when the pipeline has not run yet. */
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

/**
 * The lineage of a pipeline: as recorded for the nodes that took part in the run, as declared for the others. `declared`
 * is in topological order.
 */
export const lineageGraph = (
  declared: ReadonlyArray<DeclaredNode>,
  recorded: RecordedRun | undefined
): LineageGraph => {
  const declaredEdges = declared.flatMap(({ inputs, node }) =>
    Object.entries(inputs).flatMap(([input, sources]) => sources.map((from) => ({ from, to: node, input })))
  )
  const absent = ({ kind, node }: DeclaredNode): LineageNode => ({ node, kind, status: "not-run" })
  if (recorded === undefined) return { nodes: declared.map(absent), edges: declaredEdges }

  const actions = new Map(recorded.actions.map((action) => [action.key_digest, action]))
  const took = new Map(recorded.executions.map((execution) => [execution.node, execution]))
  const present = (execution: ExecutionRow) => lineageNode(execution, actions.get(execution.key_digest ?? ""))
  const known = new Set(declared.map(({ node }) => node))
  const edges = [
    ...recorded.inputs.map(({ input, node, source }) => ({ from: source, to: node, input })),
    ...declaredEdges.filter(({ to }) => took.get(to)?.output == null)
  ]
  return {
    run: recorded.run.run,
    nodes: [
      // Nodes that the file no longer declares come first: what it does declare may have been computed from them.
      ...recorded.executions.filter(({ node }) => !known.has(node)).map(present),
      ...declared.map((node) => {
        const execution = took.get(node.node)
        return execution === undefined ? absent(node) : present(execution)
      })
    ],
    edges
  }
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
