import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Device, type Node, type TableType, Workspace } from "gemflow"
import { ArtifactStore } from "gemflow/artifacts"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Table } from "../../artifacts/Table.ts"
import { placesOf } from "../../runtime/onnx/Place.ts"
import { Sessions } from "../../runtime/onnx/Sessions.ts"

/** A directory that is removed when the scope closes. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-nodes-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const onCpu = Layer.succeed(Device, placesOf("cpu"))

const workspace = (root: string) =>
  Layer.succeed(Workspace, { folder: Effect.sync(() => mkdtempSync(join(root, "workspace-"))) })

/** What a node may require, with a store in `root` and the CPU as device. */
export const services = (root: string) =>
  Layer.mergeAll(NodeServices.layer, ArtifactStore.layer(root), Sessions.layer, onCpu, workspace(root))

/** A table of any type: what wiring asks of it. */
type Wired = Pick<Table<TableType.Any>, "project">

type Tables = Readonly<Record<string, Wired | ReadonlyArray<Wired>>>

/**
 * Runs a node as the executor does: the config is decoded, each input is projected to the columns that the node declares,
 * and the rows that come out are checked against its output.
 */
export const runNode = Effect.fnUntraced(function*<T extends TableType.Any>(
  node: Node.Any,
  output: T,
  config: unknown,
  tables: Tables = {}
) {
  const { config: schema, inputs, run } = node.definition
  const decoded = yield* Schema.decodeUnknownEffect(schema)(config)
  const projected: Record<string, unknown> = {}
  for (const [name, input] of Object.entries(inputs)) {
    const given = tables[name] ?? ("_tag" in input ? [] : undefined)
    if (given === undefined) throw new Error(`the test wires nothing to ${name}`)
    const type = "_tag" in input ? input.type : input
    projected[name] = "project" in given
      ? yield* given.project(type)
      : yield* Effect.forEach(given, (table) => table.project(type))
  }
  const rows = yield* run({
    config: decoded,
    inputs: projected,
    env: {},
    progress: () => Effect.void,
    shared: (_, make) => make
  })
  const table = yield* Table.fromRows(node.definition.output, rows)
  return yield* table.project(output)
})

/** Runs a node that needs no store and no policy. */
export const runPure = <T extends TableType.Any>(node: Node.Any, output: T, config: unknown, tables: Tables = {}) =>
  Effect.gen(function*() {
    const root = yield* temporaryDirectory
    return yield* Effect.provide(runNode(node, output, config, tables), services(root))
  }).pipe(Effect.scoped)
