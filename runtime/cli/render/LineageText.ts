/** Lineage as a tree for the terminal, or as a Mermaid flowchart for documents. */
import type { ArtifactUse } from "../../lineage/ArtifactLineage.ts"
import type { LineageEdge, LineageGraph, LineageNode } from "../../lineage/Lineage.ts"
import { count, formatDuration, shortDigest } from "./Numbers.ts"
import type { Style } from "./Style.ts"

export type Direction = "up" | "down"

/**
 * The graph as a tree that starts at `root`: below a node stands what it was computed from (up) or what was computed from
 * it (down). What has been shown once is not unfolded again.
 */
export const lineageTree = (graph: LineageGraph, root: string, direction: Direction, style: Style): string => {
  const nodes = new Map(graph.nodes.map((node) => [node.node, node]))
  const branches = Map.groupBy(graph.edges, (edge) => direction === "up" ? edge.to : edge.from)
  const shown = new Set<string>()
  const lines: Array<string> = []
  const stack: Array<{ readonly name: string; readonly label: string; readonly indent: string }> = [
    { name: root, label: "", indent: "" }
  ]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const edges = branches.get(next.name) ?? []
    const again = shown.has(next.name) && edges.length > 0
    shown.add(next.name)
    const node = nodes.get(next.name)
    lines.push(
      `${next.label}${style.bold(next.name)}${node === undefined ? "" : `  ${describe(node, graph, style)}`}`
        + (again ? style.dim("  (as above)") : "")
    )
    if (again) continue
    edges.map((edge, index) => {
      const last = index === edges.length - 1
      return {
        name: direction === "up" ? edge.from : edge.to,
        label: `${next.indent}${last ? "└─ " : "├─ "}${style.dim(`${edge.input}: `)}`,
        indent: `${next.indent}${last ? "   " : "│  "}`
      }
    }).toReversed().forEach((branch) => stack.push(branch))
  }
  return lines.join("\n")
}

const describe = (node: LineageNode, graph: LineageGraph, style: Style): string => {
  if (node.status === "not-run") return style.dim("has no output yet")
  if (node.status === "outdated") return style.dim("its last output was computed from others than these")
  if (node.status === "failed") return style.bad("failed")
  if (node.status === "skipped") return style.warn("skipped")
  const parts = [
    ...(node.rows === undefined ? [] : [count(node.rows, "row")]),
    ...(node.artifact === undefined || isNamedBy(node, node.artifact) ? [] : [shortDigest(node.artifact)]),
    node.computedBy === undefined || node.computedBy === graph.run
      ? `computed in ${formatDuration(node.durationMs ?? 0)}`
      : `computed by run ${node.computedBy}`
  ]
  return style.dim(parts.join(" · "))
}

/** In a graph of artifacts the name has the digest already. */
const isNamedBy = ({ node }: LineageNode, digest: string): boolean => node.endsWith(` ${digest.slice(0, 12)}`)

/** Which runs made an artifact, and in which it was found cached. */
export const artifactHeader = (digest: string, uses: ReadonlyArray<ArtifactUse>, style: Style): string => {
  const made = uses.filter(({ status }) => status === "executed")
  const reused = uses.filter(({ status }) => status === "cached")
  const names = (told: ReadonlyArray<ArtifactUse>) => [...new Set(told.map(({ node }) => node))].join(", ")
  const last = uses.at(-1)
  return [
    `${style.bold(digest)}`,
    ...made.slice(0, mostRuns).map(({ node, run }) => style.dim(`made by ${node} in run ${run}`)),
    ...(made.length > mostRuns ? [style.dim(`… and by ${count(made.length - mostRuns, "more run")}`)] : []),
    ...(reused.length === 0
      ? []
      : [style.dim(`found cached in ${count(reused.length, "run")} by ${names(reused)}, last in ${last?.run}`)]),
    ""
  ].join("\n")
}

/** Runs that are named one by one. */
const mostRuns = 5

/** A Mermaid flowchart (https://mermaid.js.org), data flowing from left to right. */
export const lineageMermaid = (graph: LineageGraph): string => {
  const ids = new Map(graph.nodes.map(({ node }, index) => [node, `n${index}`]))
  const box = (node: LineageNode) => {
    const artifact = node.artifact === undefined ? "" : `<br/>${shortDigest(node.artifact)}`
    return `  ${ids.get(node.node)}["${quote(node.node)}${artifact}"]`
  }
  const arrow = ({ from, input, to }: LineageEdge) => `  ${ids.get(from)} -- ${quote(input)} --> ${ids.get(to)}`
  return ["flowchart LR", ...graph.nodes.map(box), ...graph.edges.map(arrow)].join("\n")
}

const quote = (text: string) => text.replace(/["<>&|]/g, (character) => `#${character.codePointAt(0)};`)
