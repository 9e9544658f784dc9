/**
 * What a run should do, by the plainest method: compute everything from the files, and call an execution necessary when
 * nothing with the same name, code, config, files, environment and input columns, all taken by their values, was executed
 * before.
 */
import type { Code, Kind } from "./ModelNodes.ts"

export interface Row {
  readonly id: string
  readonly a: number
  readonly b: number
}

export interface ModelNode {
  readonly name: string
  readonly kind: Kind
  /** Absent: left to its default, 1. */
  readonly k?: number
  /** A field outside of the key. */
  readonly speed?: number
  /** The file of a source. */
  readonly file: number
  /** Earlier nodes that it reads; one, but for `join`. */
  readonly reads: ReadonlyArray<number>
}

export interface State {
  readonly nodes: ReadonlyArray<ModelNode>
  readonly files: ReadonlyArray<ReadonlyArray<Row>>
  readonly code: Code
  readonly mode: string | undefined
}

/** What an execution rests on, by the names that reasons have. */
export interface TrueKey {
  readonly code: unknown
  readonly config: unknown
  readonly file: unknown
  readonly environment: unknown
  readonly input: unknown
}

export interface Expected {
  readonly rows: ReadonlyArray<Row>
  readonly key: TrueKey
}

/** The rows and the true key of each node. */
export const expected = (state: State): ReadonlyArray<Expected> => {
  const all: Array<Expected> = []
  for (const node of state.nodes) {
    const tables = node.reads.map((index) => present(all[index]).rows)
    all.push({ rows: compute(state, node, tables), key: trueKey(state, node, tables) })
  }
  return all
}

const compute = ({ code, files, mode }: State, node: ModelNode, tables: ReadonlyArray<ReadonlyArray<Row>>) => {
  const { k = 1, kind } = node
  const [rows = []] = tables
  switch (kind) {
    case "source":
      return present(files[node.file]).map((row) => ({ ...row, a: row.a + k }))
    case "left":
      return rows.map(({ a, id }) => ({ id, a: a * code.times + k, b: 0 }))
    case "right":
      return rows.map(({ b, id }) => ({ id, a: 0, b: b + code.plus + k }))
    case "both":
      return rows.map(({ a, b, id }) => ({ id, a: a * code.times + k, b: b + code.plus + (mode ?? "").length }))
    case "floor":
      return rows.map(({ a, id }) => ({ id, a: Math.floor(a / (code.step * (k + 1))), b: 1 }))
    case "join":
      return tables.map((table, index) => ({ id: `t${index}`, a: table.reduce((sum, { a }) => sum + a, k), b: index }))
  }
}

const trueKey = ({ code, files, mode }: State, node: ModelNode, tables: ReadonlyArray<ReadonlyArray<Row>>): TrueKey => {
  const codeOf: Record<Kind, ReadonlyArray<number>> = {
    source: [],
    left: [code.times],
    right: [code.plus],
    both: [code.times, code.plus],
    floor: [code.step],
    join: []
  }
  const columns = (table: ReadonlyArray<Row>) =>
    table.map(({ a, b, id }) => node.kind === "both" ? [id, a, b] : node.kind === "right" ? [id, b] : [id, a])
  return {
    code: [node.kind, codeOf[node.kind]],
    config: node.k ?? 1,
    file: node.kind === "source" ? files[node.file] : null,
    // Not to be set is a value too, and differs from not being asked for.
    environment: node.kind === "both" ? [mode ?? null] : null,
    input: tables.map(columns)
  }
}

/** In which parts two keys differ: the reasons for which a node that ran under the first runs again. */
export const differences = (before: TrueKey, after: TrueKey): ReadonlyArray<string> =>
  (["code", "config", "input", "file", "environment"] as const)
    .filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]))

export const present = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("the model lacks something")
  return value
}
