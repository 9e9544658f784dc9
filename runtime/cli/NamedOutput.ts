/** Which stored table a name on the command line means: a node's last output, or the beginning of an artifact's digest. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import { storedTables } from "../../artifacts/StoreContents.ts"
import type { StoreError } from "../../artifacts/StoreError.ts"
import { Catalog, type CatalogError } from "../lineage/Catalog.ts"
import type { NodeInstance, Pipeline } from "../pipeline/Pipeline.ts"
import type { UnknownNode } from "../pipeline/PipelineError.ts"
import { NotRunYet } from "./ExitCode.ts"
import { namedOne } from "./Workspace.ts"

/** A table in the store. */
export interface NamedOutput {
  /** The node's name, or the digest. */
  readonly name: string
  readonly digest: string
  /** Absent when it was named by its digest. */
  readonly instance?: NodeInstance
  /** The run that computed it, where it was named by its node. */
  readonly run?: string
}

/** The beginning of a digest that no stored table has, or several have. */
export class NoSuchArtifact extends Schema.TaggedError<NoSuchArtifact>()("NoSuchArtifact", {
  digest: Schema.String,
  store: Schema.String,
  candidates: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.candidates.length === 0
      ? `The store ${this.store} has no table ${this.digest}. Digests are in: gemflow lineage FILE NODE --json`
      : `${this.digest} is the beginning of ${this.candidates.join(", ")}. Name one of them by more of its letters.`
  }
}

type NamingError = NoSuchArtifact | NotRunYet | UnknownNode | CatalogError | StoreError
type Needed = ArtifactStore | Catalog

export const namedOutput = Effect.fn("NamedOutput.namedOutput")(
  function*(pipeline: Pipeline, file: string, name: string): Effect.fn.Return<NamedOutput, NamingError, Needed> {
    const isNode = pipeline.nodes.some((instance) => instance.name === name || instance.node.name === name)
    if (!isNode && /^[0-9a-f]{8,64}$/.test(name)) return yield* byDigest(name)
    const instance = yield* namedOne(pipeline, name)
    const catalog = yield* Catalog
    const action = yield* catalog.latest(pipeline.name, instance.name)
    if (action === undefined) return yield* new NotRunYet({ node: instance.name, file })
    return { name: instance.name, digest: action.output, instance, run: action.run }
  }
)

const byDigest = Effect.fnUntraced(function*(prefix: string) {
  const { root } = yield* ArtifactStore
  const found = (yield* storedTables(root)).map(({ digest }) => digest).filter((digest) => digest.startsWith(prefix))
  const [digest, ...others] = found
  if (digest === undefined || others.length > 0) {
    const candidates = found.slice(0, 3).map((digest) => digest.slice(0, prefix.length + 4))
    return yield* new NoSuchArtifact({ digest: prefix, store: root, candidates })
  }
  return { name: digest.slice(0, 12), digest } satisfies NamedOutput
})
