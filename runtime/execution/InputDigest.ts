/**
 * Digests of input files and directories. A file's digest is remembered with its stamp, so that an unchanged file is not
 * read again.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { createReadStream, existsSync, readdirSync, statSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { pipeline } from "node:stream/promises"
import { digestJson } from "../../artifacts/CanonicalJson.ts"
import { Catalog } from "../lineage/Catalog.ts"
import type { InputKind } from "../pipeline/InputFile.ts"
import { consulted } from "./Consulted.ts"
import { fileStamp } from "./FileStamp.ts"
import { settledAt } from "./Stamp.ts"

/** A file or directory that a config field names is not there, is of the other kind, or cannot be read. */
export class InputNotReadable extends Schema.TaggedError<InputNotReadable>()("InputNotReadable", {
  path: Schema.String,
  node: Schema.String,
  field: Schema.String,
  problem: Schema.String,
  /** The id of a model on the HuggingFace Hub that the path looks like. */
  model: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const download = this.model === undefined ?
      "" :
      ` If ${this.model} is a model of the HuggingFace Hub, download it first: `
      + `huggingface-cli download ${this.model} --local-dir DIR, and give DIR as the path.`
    return `${this.node}.${this.field}: ${this.path} ${this.problem}. Correct the path in the pipeline file or with `
      + `--set ${this.node}.${this.field}=PATH.${download}`
  }
}

export interface Input {
  readonly node: string
  readonly field: string
  readonly kind: InputKind
  /** Absolute. */
  readonly path: string
}

/** The digest of what a config field names: a file's bytes, or the relative paths and bytes below a directory. */
export const inputDigest = Effect.fn("InputDigest.inputDigest")(function*(input: Input) {
  const refuse = (problem: string, model?: string) =>
    new InputNotReadable({
      path: input.path,
      node: input.node,
      field: input.field,
      problem,
      ...(model === undefined ? {} : { model })
    })
  const stat = yield* Effect.try({
    try: () => statSync(input.path, { throwIfNoEntry: false }),
    catch: (error) => refuse(`cannot be read (${reason(error)})`)
  })
  if (stat === undefined) return yield* refuse("does not exist", hubModel(input))
  if (input.kind === "file") {
    if (!stat.isFile()) return yield* refuse("is not a file")
    return yield* fileDigest(input.path, refuse)
  }
  if (!stat.isDirectory()) return yield* refuse("is not a directory")
  const files = yield* Effect.try({
    try: () => filesBelow(input.path),
    catch: (error) => refuse(`cannot be read (${reason(error)})`)
  })
  const digests: Record<string, string> = {}
  for (const file of files) {
    // A pipe or a device would be read for ever; a link may lead to one, to a folder, or nowhere.
    const isFile = yield* Effect.try({
      try: () => statSync(file, { throwIfNoEntry: false })?.isFile() === true,
      catch: (error) => refuse(`cannot be read (${reason(error)})`)
    })
    if (!isFile) return yield* refuse(`holds ${relative(input.path, file)}, which is neither a file nor a folder`)
    digests[relative(input.path, file).split(sep).join("/")] = yield* fileDigest(file, refuse)
  }
  return digestJson(digests)
})

/** `meta-llama/Llama-3-8B`, given where a directory is wanted: a path of which not even the folder is there. */
const hubModel = ({ kind, path }: Input): string | undefined => {
  if (kind !== "directory" || existsSync(dirname(path))) return undefined
  const model = `${basename(dirname(path))}/${basename(path)}`
  return existsSync(dirname(dirname(path))) && /^[\w.-]+\/[\w.-]+$/.test(model) ? model : undefined
}

const Memo = Schema.Struct({ stamp: Schema.String, digest: Schema.String })
const decodeMemo = Schema.decodeUnknownOption(Memo)

const fileDigest = Effect.fnUntraced(function*(path: string, refuse: (problem: string) => InputNotReadable) {
  const catalog = yield* Catalog
  const startedAt = Date.now()
  const stamp = fileStamp(path)
  const memo = decodeMemo(yield* catalog.memo("file", path))
  if (Option.isSome(memo) && memo.value.stamp === stamp) return memo.value.digest
  const digest = yield* Effect.tryPromise({
    try: async () => {
      const hash = createHash("sha256")
      await pipeline(createReadStream(path), hash)
      return hash.digest("hex")
    },
    catch: (error) => refuse(`cannot be read (${reason(error)})`)
  })
  // A file that was written while it was read, or shortly before, may not be what its stamp says; then read it again next time.
  if (fileStamp(path) === stamp && settledAt(stamp, startedAt)) {
    yield* catalog.setMemo("file", path, { stamp, digest } satisfies typeof Memo.Type)
  }
  return digest
})

const filesBelow = (directory: string): ReadonlyArray<string> => {
  consulted(directory)
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files: Array<string> = []
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    // A folder's stamp tells when something is added to it.
    if (entry.isDirectory()) consulted(path)
    else files.push(path)
  }
  return files.toSorted()
}

const reason = (error: unknown): string => error instanceof Error ? error.message : String(error)
