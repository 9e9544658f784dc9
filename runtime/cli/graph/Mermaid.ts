/** A drawing for Mermaid, which Markdown viewers show. */
import type { Drawing, DrawnNode, DrawnScope } from "./GraphModel.ts"

export const mermaid = ({ root, wires }: Drawing): string => {
  const nodes = all(root)
  const statuses = (["cached", "stale"] as const).flatMap((status) => {
    const of = nodes.filter((node) => node.status === status)
    return of.length === 0 ? [] : [`  class ${of.map(({ id }) => id).join(",")} ${status}`]
  })
  return [
    "flowchart LR",
    ...scopeLines(root, "  "),
    ...wires.map(([from, to]) => `  ${from} --> ${to}`),
    ...(statuses.length === 0 ? [] : classes),
    ...statuses,
    ""
  ].join("\n")
}

/** Cached and stale differ by colour and by line, for those who do not tell the colours apart. */
const classes = [
  "  classDef cached fill:#dff2e3,stroke:#2e7d42,color:#1b1b1b",
  "  classDef stale fill:#fff0cc,stroke:#b06a00,color:#1b1b1b,stroke-dasharray:4 3"
]

const all = ({ nodes, scopes }: DrawnScope): ReadonlyArray<DrawnNode> => [...nodes, ...scopes.flatMap(all)]

const scopeLines = ({ nodes, scopes }: DrawnScope, indent: string): ReadonlyArray<string> => [
  ...nodes.map(({ id, kind, label }) =>
    `${indent}${id}["${escaped(label)}${kind === undefined ? "" : `<br/>(${escaped(kind)})`}"]`
  ),
  ...scopes.flatMap((scope) => [
    `${indent}subgraph ${scope.id}["${escaped(scope.label)}"]`,
    ...scopeLines(scope, `${indent}  `),
    `${indent}end`
  ])
]

/** Mermaid's own entities; names hold nothing but letters, digits and `-_=,.+`. */
const escaped = (text: string): string => text.replace(/[^\w\s.,+=-]/g, (character) => `#${character.codePointAt(0)};`)
