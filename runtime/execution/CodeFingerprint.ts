/**
 * The code fingerprint of a node: a digest of the code it runs, digests of the declarations that this consists of, and the
 * versions of the packages it imports. Comments, formatting and code that is not reached do not enter. Fingerprints are
 * remembered in the catalog and hold while every file they were made from has the same stamp, so that a run in which nothing
 * changed parses nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { Catalog } from "../lineage/Catalog.ts"
import { type CodeFingerprint, CodeParts } from "../pipeline/Key.ts"
import type { Definition } from "../pipeline/Node.ts"
import { definitionPlace } from "./code/DefinitionPlace.ts"
import { type Entry, madeInside } from "./code/Entry.ts"
import { CodeNotTraceable } from "./CodeNotTraceable.ts"
import { fileStamp } from "./FileStamp.ts"
import { lockfile, packageRoot } from "./InstalledPackage.ts"
import { settledAt } from "./Stamp.ts"

/** What must be unchanged for a remembered fingerprint to hold. The version is that of the way in which code is digested. */
const Memo = Schema.Struct({
  version: Schema.Literal(3),
  /** Files with their stamps, as JSON: there are hundreds, of many nodes, and each start reads them. */
  stamps: Schema.String,
  digest: Schema.String,
  /** `CodeParts` as JSON: read only where a difference is told or a key is stored. */
  parts: Schema.String,
  packages: Schema.Record(Schema.String, Schema.String)
})
const decodeMemo = Schema.decodeUnknownOption(Memo)
const decodeParts = Schema.decodeUnknownSync(Schema.fromJsonString(CodeParts))

/** What of a node the fingerprint is made from. */
export type Fingerprinted = Pick<Definition, "name" | "module" | "madeAt"> & Partial<Pick<Definition, "run">>

/**
 * The fingerprint of a node. Fails when its code cannot be followed, or may use what no key knows.
 *
 * @param stampNow the stamp of a file at the time of planning; who plans many nodes need not look at a file for each
 */
export const codeFingerprint = Effect.fn("CodeFingerprint.codeFingerprint")(function*(
  definition: Fingerprinted,
  stampNow: (file: string) => string = fileStamp
) {
  const catalog = yield* Catalog
  const entry = yield* locate(definition)
  const name = entry.exportName === undefined
    ? `${entry.path}@${entry.place.line}:${entry.place.column}`
    : `${entry.path}#${entry.exportName}`

  const memo = decodeMemo(yield* catalog.memo("code", name))
  if (Option.isSome(memo)) {
    const stamps: Readonly<Record<string, string>> = JSON.parse(memo.value.stamps)
    if (Object.entries(stamps).every(([file, stamp]) => stampNow(file) === stamp)) return remembered(memo.value)
  }

  const startedAt = Date.now()
  const { reachedCode } = yield* Effect.promise(() => import("./code/ReachedCode.ts"))
  const lock = lockfile(entry.root)
  const { digest, files, packages, parts } = yield* orNotTraceable(() => reachedCode(entry))
  const stamps = Object.fromEntries(
    [...files, ...(lock === undefined ? [] : [lock])].map((file) => [file, fileStamp(file)])
  )
  // A file that was written shortly before it was read may not be what its stamp says; then look again next time.
  if (Object.values(stamps).every((stamp) => settledAt(stamp, startedAt))) {
    yield* catalog.setMemo(
      "code",
      name,
      {
        version: 3,
        stamps: JSON.stringify(stamps),
        digest,
        parts: JSON.stringify(parts),
        packages
      } satisfies typeof Memo.Type
    )
  }
  return { code: { digest, parts }, packages } satisfies CodeFingerprint
})

const remembered = ({ digest, packages, parts }: typeof Memo.Type): CodeFingerprint => {
  let decoded: typeof CodeParts.Type | undefined
  return {
    code: {
      digest,
      get parts() {
        return decoded ??= decodeParts(parts)
      }
    },
    packages
  }
}

const locate = Effect.fnUntraced(function*(definition: Fingerprinted) {
  const { module, name: node } = definition
  if (!module.startsWith("file:")) {
    return yield* new CodeNotTraceable({
      file: module,
      problem: "is not a file, so the code of the node that is declared in it cannot be followed",
      remedy: "Declare nodes in files, with `module: import.meta.url`."
    })
  }
  const path = fileURLToPath(module)
  // Already loaded: the pipeline file imported it. This only looks at its exports.
  const namespace: { readonly [name: string]: unknown } = yield* Effect.promise(() => import(module))
  const exportName = Object.keys(namespace).find((name) => isNodeOf(namespace[name], definition))
  const root = packageRoot(dirname(path)) ?? dirname(path)
  if (exportName !== undefined) return { node, path, root, exportName } satisfies Entry
  const place = yield* orNotTraceable(() => definitionPlace(definition.madeAt(), path, node))
  const claimed = `${module}@${place.line}:${place.column}`
  const made = definition.run ?? definition
  const other = madeThere.get(claimed)?.deref()
  if (other !== undefined && other !== made) {
    return yield* madeInside(path, place.line, node, "a function that is called several times")
  }
  madeThere.set(claimed, new WeakRef(made))
  return { node, path, root, place } satisfies Entry
})

/** Which node was made at a place. Two made at the same place have the same code, and differ by what no key knows. */
const madeThere = new Map<string, WeakRef<object>>()

/** Also a node made from an exported one, `{ ...Exported.definition, inputs }`, has its code. */
const isNodeOf = (value: unknown, definition: Fingerprinted): boolean =>
  value !== null && (typeof value === "function" || typeof value === "object") && "definition" in value
  && (value.definition === definition
    || (typeof value.definition === "object" && value.definition !== null && "run" in value.definition
      && value.definition.run === definition.run))

const orNotTraceable = <A>(make: () => A): Effect.Effect<A, CodeNotTraceable> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (error) {
      return error instanceof CodeNotTraceable ? Effect.fail(error) : Effect.die(error)
    }
  })
