/** Executes one node: reads its inputs, runs it, checks what it made and stores that. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Scope from "effect/Scope"
import { type ArtifactRef, ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import type * as TableType from "../../artifacts/TableType.ts"
import type { Place } from "../onnx/Place.ts"
import { Device } from "../pipeline/Device.ts"
import type { Progress, RunContext } from "../pipeline/Node.ts"
import { inputType, type NodeInstance } from "../pipeline/Pipeline.ts"
import { Workspace } from "../pipeline/Workspace.ts"
import type { NodeTimedOut } from "./Attempts.ts"
import { sharing } from "./Shared.ts"

export interface NodeWork {
  readonly instance: NodeInstance
  /** Decoded. */
  readonly config: unknown
  /** The environment variables that the node declares. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly devices: ReadonlyArray<Place>
  readonly workspace: Workspace["Service"]
  /** The tables it reads, as `readInputs` gives them. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** Given when several runs share what they open; else the run has it for itself. */
  readonly shared?: RunContext<unknown, unknown>["shared"]
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Tries the node as often and as long as it says; else it has one attempt and all the time. */
  readonly attempts?: <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E | NodeTimedOut, R>
}

/** Milliseconds between two progress events of a node. */
const progressPeriod = 100

/**
 * Reads the inputs of nodes, and runs nodes with what they may require. Sessions are started with the first node executed, so that
 * a run that executes nothing loads none of it; they end with the scope.
 */
export const nodeRunner = Effect.gen(function*() {
  const services = yield* Effect.context<ArtifactStore | FileSystem.FileSystem | Path.Path>()
  const store = Context.get(services, ArtifactStore)
  const scope = yield* Effect.scope
  const sessions = yield* Effect.cached(
    Effect.promise(() => import("../onnx/Sessions.ts")).pipe(
      Effect.flatMap(({ Sessions }) => Layer.buildWithScope(Sessions.layer, scope)),
      // Whoever comes first builds for all; an interruption of that one node must not reach the others.
      Effect.uninterruptible
    )
  )

  /** @param artifactOf gives the digest of the output of an upstream instance */
  const readInputs = Effect.fnUntraced(function*(instance: NodeInstance, artifactOf: (upstream: string) => string) {
    const inputs: Record<string, unknown> = {}
    for (const [input, upstreams] of Object.entries(instance.inputs)) {
      const type = inputType(instance.node, input)
      if (type === undefined) continue
      const tables = yield* Effect.forEach(upstreams, (upstream) => store.get(type, artifactOf(upstream)))
      const declared = instance.node.inputs[input]
      inputs[input] = declared !== undefined && "_tag" in declared ? tables : tables[0]
    }
    return inputs
  })

  const run = Effect.fn("RunNode.run")(function*(work: NodeWork) {
    const { config, devices, env, inputs, instance, workspace } = work
    const progress = yield* throttled(work.progress)
    const context = Context.mergeAll(
      services,
      yield* sessions,
      Context.make(Device, devices),
      Context.make(Workspace, workspace)
    )
    const attempt = Effect.scopedWith((nodeScope) =>
      Effect.gen(function*() {
        const shared = work.shared ?? (yield* sharing)
        return yield* instance.node.run({ config, inputs, env, progress, shared })
      }).pipe(Effect.provideContext(Context.add(context, Scope.Scope, nodeScope)))
    )
    const rows = yield* work.attempts === undefined ? attempt : work.attempts(attempt)
    const { Table } = yield* Effect.promise(() => import("../../artifacts/Table.ts"))
    // `fromRows` checks every value against the declared type, so nothing is taken on trust here.
    const table = yield* Table.fromRows(instance.node.output, rows as ReadonlyArray<TableType.Row<TableType.Any>>)
    const stored: ArtifactRef = yield* store.put(table)
    return stored
  })
  return { readInputs, run }
})

/** Passes on the first report, the last, and between them no more than one per period. */
const throttled = (report: (progress: Progress) => Effect.Effect<void>) =>
  Effect.sync(() => {
    let lastAt = Number.NEGATIVE_INFINITY
    return (progress: Progress): Effect.Effect<void> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (progress.done < progress.total && now - lastAt < progressPeriod) return Effect.void
        lastAt = now
        return report(progress)
      })
  })
