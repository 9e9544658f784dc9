/** Random states and random edits. An edit is numbers that mean something in any state, so that a failing case can shrink. */
import * as Schema from "effect/Schema"
import type { ModelNode, Row, State } from "./Model.ts"
import { present } from "./Model.ts"
import { type Kind, kinds } from "./ModelNodes.ts"

const small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))

export const Edit = Schema.Struct({
  what: Schema.Literals([
    "config",
    "config",
    "speed",
    "times",
    "plus",
    "step",
    "remark",
    "unused",
    "cell",
    "cell",
    "cell",
    "cell",
    "append",
    "remove",
    "revert",
    "mode",
    "rewire",
    "kind",
    "add",
    "drop",
    "rename"
  ]),
  at: small,
  to: small
})
export type Edit = typeof Edit.Type

const firstRows: ReadonlyArray<Row> = [{ id: "r0", a: 1, b: 5 }, { id: "r1", a: 4, b: 2 }]

export const start = (edits: ReadonlyArray<Edit>): State =>
  edits.reduce(
    (state, { at, to }) => add(state, at, to),
    {
      nodes: [
        { name: "n0", kind: "source", file: 0, reads: [] },
        { name: "n1", kind: "source", file: 1, reads: [] },
        { name: "n2", kind: "left", file: 0, reads: [0] },
        { name: "n3", kind: "right", file: 0, reads: [1] }
      ],
      files: [firstRows, firstRows],
      code: { times: 1, plus: 1, step: 2, remark: 0, unused: 0 },
      mode: undefined
    } satisfies State as State
  )

const readersOnly: ReadonlyArray<Kind> = kinds.filter((kind) => kind !== "source")

const add = (state: State, at: number, to: number): State => {
  const { nodes } = state
  const kind = present(readersOnly[at % readersOnly.length])
  const reads = kind === "join" ? [to % nodes.length, at % nodes.length] : [to % nodes.length]
  return { ...state, nodes: [...nodes, { name: `n${nodes.length}`, kind, file: 0, reads }] }
}

export const apply = (state: State, { at, to, what }: Edit): State => {
  const { code, files, nodes } = state
  const index = at % nodes.length
  const onNode = (change: (node: ModelNode) => ModelNode): State => ({
    ...state,
    nodes: nodes.map((node, each) => each === index ? change(node) : node)
  })
  const onFile = (change: (rows: ReadonlyArray<Row>) => ReadonlyArray<Row>): State => ({
    ...state,
    files: files.map((rows, each) => each === at % files.length ? change(rows) : rows)
  })
  switch (what) {
    case "config":
      // 3 stands for the default, which is 1.
      return onNode(({ k: _k, ...node }) => to % 4 === 3 ? node : { ...node, k: to % 4 })
    case "speed":
      return onNode((node) => ({ ...node, speed: to }))
    case "times":
    case "plus":
    case "step":
    case "remark":
    case "unused":
      return { ...state, code: { ...code, [what]: 1 + to % 2 } }
    case "cell":
      return onFile((rows) =>
        rows.map((row, each) =>
          each !== to % rows.length ? row : at % 4 < 2 ? { ...row, a: to % 5 } : { ...row, b: to % 5 }
        )
      )
    case "append":
      return onFile((rows) => [...rows, { id: `r${rows.length}`, a: to % 3, b: at % 3 }])
    case "remove":
      return onFile((rows) => rows.length > 1 ? rows.slice(0, -1) : rows)
    case "revert":
      return onFile(() => firstRows)
    case "mode":
      return { ...state, mode: [undefined, "", "x", "yy"][to % 4] }
    case "rewire":
      return onNode((node) => node.kind === "source" ? node : { ...node, reads: node.reads.map(() => to % index) })
    case "kind":
      return onNode((node) =>
        node.reads.length !== 1 ? node : { ...node, kind: present(readersOnly[to % readersOnly.length]) }
      )
    case "add":
      return nodes.length < 9 ? add(state, at, to) : state
    case "drop":
      return nodes.length > 4 ? { ...state, nodes: nodes.slice(0, -1) } : state
    case "rename":
      return onNode((node) => ({ ...node, name: `${node.name.split("-")[0]}-${to % 2}` }))
  }
}
