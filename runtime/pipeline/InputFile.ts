import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

/** What a config field that names an input from outside the pipeline points at. */
export type InputKind = "file" | "directory"

const InputKindId = "~gemflow/pipeline/InputKind"

/**
 * A config field that holds the path of an input file. The content of the file is part of the node's key, its path is
 * not: moving the file re-executes nothing, editing it does. `run` receives an absolute path.
 *
 * In a pipeline file a relative path starts at the project root (the folder of the nearest package.json); in `--set` it
 * starts at the current directory.
 */
export const InputFile = Schema.String.check(Schema.isNonEmpty({ expected: "the path of a file" })).annotate({
  [InputKindId]: "file"
})

/** As `InputFile`, for a directory: every file below it, with its relative path, is part of the node's key. */
export const InputDirectory = Schema.String.check(Schema.isNonEmpty({ expected: "the path of a directory" }))
  .annotate({ [InputKindId]: "directory" })

/** Whether a config field's schema is an `InputFile` or `InputDirectory`, also behind a default, or one that may be null. */
export const inputKind = (ast: SchemaAST.AST): InputKind | undefined => {
  for (const annotations of [ast.annotations, ...(ast.checks ?? []).map((check) => check.annotations)]) {
    const kind: unknown = annotations?.[InputKindId]
    if (kind === "file" || kind === "directory") return kind
  }
  if (ast._tag === "Union") {
    for (const member of ast.types) {
      const kind = inputKind(member)
      if (kind !== undefined) return kind
    }
  }
  return undefined
}
