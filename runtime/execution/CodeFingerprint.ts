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
import { CodeNotTraceable } from "./CodeNotTraceable.ts"
import { fileStamp } from "./FileStamp.ts"
import { installedPackage, lockfile, packageRoot } from "./InstalledPackage.ts"

export interface CodeFingerprint {
  readonly code: { readonly digest: string; readonly parts: { readonly [file: string]: string } }
  readonly packages: { readonly [name: string]: string }
}

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
 * @param node the node itself, found by identity among the module's exports; a node that is not exported stands for the whole module
 */
export const codeFingerprint = Effect.fn("CodeFingerprint.codeFingerprint")(
  function*(node: object, module: string) {
    const catalog = yield* Catalog
    const entry = yield* locate(node, module)
    const name = `${entry.path}#${entry.exportName ?? ""}`
    const esbuild = installedPackage("esbuild", dirname(fileURLToPath(import.meta.url)))?.version ?? "none"

    const memo = decodeMemo(yield* catalog.memo("code", name))
    if (
      Option.isSome(memo) && memo.value.esbuild === esbuild
      && Object.entries(memo.value.stamps).every(([file, stamp]) => fileStamp(file) === stamp)
    ) return fingerprint(memo.value)

    const { bundle } = yield* Effect.promise(() => import("./CodeBundle.ts"))
    const lock = lockfile(entry.root)
    const bundled = yield* Effect.tryPromise({
      try: () => bundle(entry),
      catch: (error) => error
    }).pipe(Effect.catch((error) => error instanceof CodeNotTraceable ? Effect.fail(error) : Effect.die(error)))
    const stamps = Object.fromEntries(
      [...bundled.files, ...(lock === undefined ? [] : [lock])].map((file) => [file, fileStamp(file)])
    )
    const { packages, parts } = bundled
    yield* catalog.setMemo("code", name, { version: 1, esbuild, stamps, parts, packages } satisfies typeof Memo.Type)
    return fingerprint(bundled)
  }
)

const fingerprint = ({ packages, parts }: Pick<typeof Memo.Type, "packages" | "parts">): CodeFingerprint => ({
  code: { digest: digestJson(parts), parts },
  packages
})

const locate = Effect.fnUntraced(function*(node: object, module: string) {
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
  const exportName = Object.keys(namespace).find((name) => namespace[name] === node)
  const root = packageRoot(dirname(path)) ?? dirname(path)
  return { path, root, ...(exportName === undefined ? {} : { exportName }) }
})
