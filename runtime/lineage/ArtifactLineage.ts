/** Where an artifact came from and what was ever computed from it, across all runs that the catalog knows. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { NodeKey } from "../pipeline/Key.ts"
import { Catalog } from "./Catalog.ts"
import { ActionRow, ExecutionRow, ExecutionStatus } from "./CatalogRows.ts"
import { asked, hidden } from "./HiddenRows.ts"
import { historySql } from "./History.ts"
import type { LineageEdge, LineageGraph, LineageNode } from "./Lineage.ts"

/** No artifact has a digest that begins so, or several have. */
export class UnknownArtifact extends Schema.TaggedError<UnknownArtifact>()("UnknownArtifact", {
  prefix: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `--artifact ${this.prefix}: ${this.problem}`
  }
}

/** Which runs have an artifact as the output of a node. */
export interface ArtifactUse {
  readonly run: string
  readonly node: string
  readonly status: ExecutionStatus
}

const Use = Schema.Struct({ run: Schema.String, node: Schema.String, status: ExecutionStatus })

const Count = Schema.Struct({ count: Schema.Int })

/** One artifact that another was computed from. */
const Derivation = Schema.Struct({
  artifact: Schema.String,
  output: Schema.String,
  key_digest: Schema.String,
  input: Schema.String,
  position: Schema.Int,
  source: Schema.String,
  node: Schema.String
})
type Derivation = typeof Derivation.Type

export const artifactSql = {
  byPrefix: `SELECT DISTINCT output AS digest FROM actions WHERE output >= ?1 AND output < ?2
    UNION SELECT DISTINCT artifact FROM derivations WHERE artifact >= ?1 AND artifact < ?2 LIMIT 4`,
  makers: "SELECT * FROM actions WHERE output = ? ORDER BY created_at",
  uses: "SELECT * FROM executions WHERE output = ? ORDER BY rowid",
  up: "SELECT * FROM derivations WHERE output = ? ORDER BY key_digest, input, position",
  down: "SELECT * FROM derivations WHERE artifact = ?",
  usesOfNode: "SELECT count(*) AS count FROM executions INDEXED BY executions_by_node WHERE node = ? AND output = ?",
  tally: "SELECT count FROM tallies WHERE kind = ? AND name = ?"
} as const

/** The artifact whose digest begins with a text of at least four digits. */
export const resolveArtifact = Effect.fn("ArtifactLineage.resolveArtifact")(function*(prefix: string) {
  const refuse = (problem: string) => new UnknownArtifact({ prefix, problem })
  if (!/^[0-9a-f]{4,64}$/.test(prefix)) {
    return yield* refuse("a digest is hexadecimal. Name at least its first four digits.")
  }
  const found = yield* artifactsBeginningWith(prefix)
  const [digest, ...others] = found
  if (digest === undefined) return yield* refuse("the store's runs know no artifact that begins so.")
  if (others.length > 0) {
    const known = found.map((each) => each.slice(0, prefix.length + 8)).join(", ")
    return yield* refuse(`several artifacts begin so (${known} …). Name more digits.`)
  }
  return digest
})

/** At most four digests that begin with a text. */
export const artifactsBeginningWith = Effect.fnUntraced(function*(prefix: string) {
  const catalog = yield* Catalog
  const Row = Schema.Struct({ digest: Schema.String })
  const rows = yield* catalog.query("look up an artifact", Row, artifactSql.byPrefix, prefix, `${prefix}g`)
  return rows.map(({ digest }) => digest)
})

/** The runs that made an artifact or found it cached, oldest first. */
export const artifactUses = Effect.fn("ArtifactLineage.artifactUses")(function*(digest: string) {
  const catalog = yield* Catalog
  const operation = "look up who made an artifact"
  const rows = yield* catalog.query(operation, Use, artifactSql.uses, digest)
  const uses = rows.map(({ node, run, status }): ArtifactUse => ({ run, node, status }))
  const nodes = new Set([...uses, ...yield* makersOf(digest)].map(({ node }) => node))
  for (const node of nodes) {
    const [counted] = yield* catalog.query(operation, Count, artifactSql.usesOfNode, node, digest)
    if (counted?.count !== uses.filter((use) => use.node === node).length) {
      return yield* hidden(operation, `some of the executions of ${node}`)
    }
  }
  return uses
}, asked)

/** How many artifacts are followed before the rest is left out. */
export const mostArtifacts = 1000

/** A graph of artifacts: each node is an artifact, named for the instance that made it and its digest. */
export const artifactLineage = Effect.fn("ArtifactLineage.artifactLineage")(
  function*(root: string, direction: "up" | "down") {
    const nodes = new Map<string, LineageNode>()
    const edges = new Map<string, LineageEdge>()
    const names = new Map<string, string>()
    const nameOf = Effect.fnUntraced(function*(digest: string, instance: string | undefined) {
      const known = names.get(digest)
      if (known !== undefined) return known
      const makers = yield* makersOf(digest)
      const name = `${makers[0]?.node ?? instance ?? "artifact"} ${digest.slice(0, 12)}`
      names.set(digest, name)
      nodes.set(name, lineageNode(name, digest, makers))
      return name
    })

    const waiting = new Set([root])
    const rootName = yield* nameOf(root, undefined)
    let left = 0
    // A Set may grow while it is walked.
    for (const digest of waiting) {
      for (const found of direction === "up" ? yield* madeFrom(digest) : yield* madeInto(digest)) {
        const next = direction === "up" ? found.artifact : found.output
        if (!waiting.has(next) && waiting.size >= mostArtifacts) {
          left++
          continue
        }
        waiting.add(next)
        // A node that passes its input on makes the same artifact.
        if (found.artifact === found.output) continue
        const from = yield* nameOf(found.artifact, found.source)
        const to = yield* nameOf(found.output, found.node)
        edges.set(`${from}\n${to}\n${found.input}`, { from, to, input: found.input })
      }
    }
    const graph: LineageGraph = { nodes: [...nodes.values()], edges: [...edges.values()] }
    return { root: rootName, graph, left }
  }
)

const lineageNode = (node: string, artifact: string, makers: ReadonlyArray<ActionRow>): LineageNode => {
  const [first] = makers
  const key = first === undefined ? undefined : Option.getOrUndefined(decodeKey(first.key))
  return {
    node,
    artifact,
    kind: key?.node ?? first?.node ?? node,
    status: "executed",
    ...(first === undefined ? {} : { rows: first.row_count, computedBy: first.run }),
    ...(key === undefined ? {} : { config: key.config })
  }
}

/** The actions that gave an artifact, the first first. */
const makersOf = Effect.fnUntraced(function*(digest: string) {
  const catalog = yield* Catalog
  const operation = "look up who made an artifact"
  const makers = yield* catalog.query(operation, ActionRow, artifactSql.makers, digest)
  const [tally] = yield* catalog.query(operation, Count, artifactSql.tally, "makers", digest)
  return makers.length === (tally?.count ?? 0) ? makers : yield* hidden(operation, "some of what made it")
}, asked)

/** What an artifact was computed from; all of it, or the catalog is damaged. */
const madeFrom = Effect.fnUntraced(function*(digest: string) {
  const catalog = yield* Catalog
  const operation = "look up what an artifact was computed from"
  const found = yield* catalog.query(operation, Derivation, artifactSql.up, digest)
  const places = Map.groupBy(found, ({ key_digest }) => key_digest)
  for (const { key, key_digest, node, run } of yield* makersOf(digest)) {
    const decoded = Option.getOrUndefined(decodeKey(key))
    const [execution] = yield* catalog.query(operation, ExecutionRow, historySql.execution, run, node)
    // A partition of a mapped node is an action of its own; what it read is told of the node as a whole.
    if (decoded === undefined || execution?.key_digest !== key_digest) continue
    const wired = Object.values(decoded.inputs).reduce((sum, tables) => sum + tables.length, 0)
    const known = new Set(places.get(key_digest)?.map(({ input, position }) => `${position} ${input}`))
    if (known.size !== wired) return yield* hidden(operation, `some of the inputs of ${node}`)
  }
  return found
}, asked)

/** What was ever computed from an artifact; all of it, or the catalog is damaged. */
const madeInto = Effect.fnUntraced(function*(digest: string) {
  const catalog = yield* Catalog
  const operation = "look up what was computed from an artifact"
  const found: ReadonlyArray<Derivation> = yield* catalog.query(operation, Derivation, artifactSql.down, digest)
  const [tally] = yield* catalog.query(operation, Count, artifactSql.tally, "readers", digest)
  if (found.length !== (tally?.count ?? 0)) return yield* hidden(operation, "some of what was computed from it")
  return found
}, asked)

const decodeKey = Schema.decodeUnknownOption(NodeKey)
