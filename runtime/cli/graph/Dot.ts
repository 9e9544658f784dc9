/** A drawing for Graphviz. */
import type { Drawing, DrawnNode, DrawnScope } from "./GraphModel.ts"

export const dot = ({ root, title, wires }: Drawing): string =>
  [
    `digraph ${quoted(title)} {`,
    `  graph [rankdir=LR, nodesep=0.25, ranksep=0.35, fontname="Helvetica", fontsize=11, label=${
      quoted(title)
    }, labelloc=t]`,
    "  node [shape=box, style=\"rounded,filled\", fillcolor=white, color=\"#607080\", fontname=\"Helvetica\", fontsize=11, margin=\"0.12,0.05\"]",
    "  edge [color=\"#8090a0\", arrowsize=0.7]",
    ...scopeLines(root, "  "),
    ...wires.map(([from, to]) => `  ${from} -> ${to}`),
    "}",
    ""
  ].join("\n")

const scopeLines = ({ nodes, scopes }: DrawnScope, indent: string): ReadonlyArray<string> => [
  ...nodes.map((node) => `${indent}${nodeLine(node)}`),
  ...scopes.flatMap((scope) => [
    // Graphviz draws a box around what is called so.
    `${indent}subgraph cluster_${scope.id} {`,
    `${indent}  label=${
      quoted(scope.label)
    }; labeljust=l; style="rounded,filled"; fillcolor="#f5f7fa"; color="#c5ced8"`,
    ...scopeLines(scope, `${indent}  `),
    `${indent}}`
  ])
]

/** Cached and stale differ by colour and by line, for those who do not tell the colours apart. */
const styles = {
  cached: `, fillcolor="#dff2e3", color="#2e7d42"`,
  stale: `, fillcolor="#fff0cc", color="#b06a00", style="rounded,filled,dashed"`
}

const nodeLine = ({ id, kind, label, name, status }: DrawnNode): string => {
  const lines = kind === undefined ? label : `${label}\n(${kind})`
  const style = status === undefined ? "" : styles[status]
  const tooltip = status === undefined ? name : `${name}: ${status}`
  return `${id} [label=${quoted(lines)}, tooltip=${quoted(tooltip)}${style}]`
}

const quoted = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("\n", "\\n")}"`
