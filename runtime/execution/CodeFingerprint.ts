/**
 * The code fingerprint of a node: a digest of the code it runs, the digest per file, and the versions of the packages it
 * imports. Comments, formatting and code that is not reached do not enter. Fingerprints are remembered in the catalog and
 * hold while every file they were made from has the same stamp, so that a run in which nothing changed starts no esbuild.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { digestJson } from "../../artifacts/CanonicalJson.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { CodeFingerprint } from "../pipeline/Key.ts"
import { CodeNotTraceable } from "./CodeNotTraceable.ts"
import { fileStamp, modifiedBefore } from "./FileStamp.ts"
import { installedPackage, lockfile, packageRoot } from "./InstalledPackage.ts"

/** What must be unchanged for a remembered fingerprint to hold. */
const Memo = Schema.Struct({
  version: Schema.Literal(1),
  esbuild: Schema.String,
  stamps: Schema.Record(Schema.String, Schema.String),
  parts: Schema.Record(Schema.String, Schema.String),
  packages: Schema.Record(Schema.String, Schema.String)
})
const decodeMemo = Schema.decodeUnknownOption(Memo)

/**
 * The fingerprint of a node that is declared in `module` (a file: URL).
 *
 * @param definition what the node is made of: the export that has it is the node, and one that is not exported stands for
 *   its whole module
 */
export const codeFingerprint = Effect.fn("CodeFingerprint.codeFingerprint")(
  function*(definition: object, module: string) {
    const catalog = yield* Catalog
    const entry = yield* locate(definition, module)
    const name = `${entry.path}#${entry.exportName ?? ""}`
    const esbuild = installedPackage("esbuild", dirname(fileURLToPath(import.meta.url)))?.version ?? "none"

    const memo = decodeMemo(yield* catalog.memo("code", name))
    if (
      Option.isSome(memo) && memo.value.esbuild === esbuild
      && Object.entries(memo.value.stamps).every(([file, stamp]) => fileStamp(file) === stamp)
    ) return fingerprint(memo.value)

    const startedAt = Date.now()
    const { bundle } = yield* Effect.promise(() => import("./CodeBundle.ts"))
    const lock = lockfile(entry.root)
    const bundled = yield* Effect.tryPromise({
      try: () => bundle(entry),
      catch: (error) => error instanceof CodeNotTraceable ? error : untraceable(entry.path, error)
    })
    const stamps = Object.fromEntries(
      [...bundled.files, ...(lock === undefined ? [] : [lock])].map((file) => [file, fileStamp(file)])
    )
    const { packages, parts } = bundled
    // A file that was written while it was read may not be what its stamp says; then look again next time.
    if (Object.keys(stamps).every((file) => modifiedBefore(file, startedAt))) {
      yield* catalog.setMemo("code", name, { version: 1, esbuild, stamps, parts, packages } satisfies typeof Memo.Type)
    }
    return fingerprint(bundled)
  }
)

const fingerprint = ({ packages, parts }: Pick<typeof Memo.Type, "packages" | "parts">): CodeFingerprint => ({
  code: { digest: digestJson(parts), parts },
  packages
})

const locate = Effect.fnUntraced(function*(definition: object, module: string) {
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
  return { path, root, ...(exportName === undefined ? {} : { exportName }) }
})

const isNodeOf = (value: unknown, definition: object): boolean =>
  value !== null && (typeof value === "function" || typeof value === "object")
  && "definition" in value && value.definition === definition

const untraceable = (file: string, error: unknown) =>
  new CodeNotTraceable({
    file,
    problem: `cannot be followed (${error instanceof Error ? error.message : String(error)})`,
    remedy: "Check that its imports can be read."
  })
