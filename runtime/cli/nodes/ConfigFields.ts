/** What a node's config schema says of its fields. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import { inputKind } from "../../pipeline/InputFile.ts"
import type { ConfigSchema } from "../../pipeline/Node.ts"

export interface ConfigField {
  /** `lambda`; of a struct inside, `adapter.rank`. */
  readonly field: string
  /** As a person reads it: `number`, `"marker" | "tail"`, `an integer of at least 1`. */
  readonly type: string
  readonly required: boolean
  /** What a field that is left out is; absent where it then is nothing. */
  readonly default?: unknown
  readonly doc: string
}

export const configFields = (config: ConfigSchema): ReadonlyArray<ConfigField> =>
  Object.entries(config.fields).flatMap(([name, { ast }]) => fieldsOf(name, ast))

const fieldsOf = (field: string, ast: SchemaAST.AST): ReadonlyArray<ConfigField> => {
  const struct = members(ast).find((member) => member._tag === "Objects")
  const inner = struct?._tag === "Objects"
    ? struct.propertySignatures.flatMap(({ name, type }) => fieldsOf(`${field}.${String(name)}`, type))
    : []
  return [{ field, type: typeOf(ast), doc: docOf(ast), ...absence(ast) }, ...inner]
}

/** What becomes of a field that is left out. */
const absence = (ast: SchemaAST.AST): Pick<ConfigField, "required" | "default"> => {
  const alone = Schema.Struct({ field: Schema.make<Schema.Codec<unknown>>(ast) })
  const decoded = Schema.decodeUnknownResult(alone)({})
  if (Result.isFailure(decoded)) return { required: true }
  if (!Object.hasOwn(decoded.success, "field")) return { required: false }
  const encoded = Schema.encodeUnknownResult(alone)(decoded.success)
  const value = Result.isSuccess(encoded) ? encoded.success.field : decoded.success.field
  return { required: false, default: value }
}

const members = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  ast._tag === "Union" ? ast.types.flatMap(members) : [ast]

const annotationsOf = (ast: SchemaAST.AST) => [
  ...(ast.checks ?? []).map(({ annotations }) => annotations).toReversed(),
  ast.annotations
]

const docOf = (ast: SchemaAST.AST): string =>
  annotationsOf(ast).map((annotations) => annotations?.["description"]).find((doc) => typeof doc === "string") ?? ""

const typeOf = (ast: SchemaAST.AST): string => {
  const kind = inputKind(ast)
  if (kind !== undefined && ast._tag !== "Union") return kind === "file" ? "path of a file" : "path of a directory"
  // The last check is the most particular: "an integer of at least 1" after "an integer".
  const expected = annotationsOf(ast).map((annotations) => annotations?.["expected"]).find((each) =>
    typeof each === "string"
  )
  if (expected !== undefined) return expected.replace(/^a finite number$/, "number")
  switch (ast._tag) {
    case "Literal":
      return JSON.stringify(ast.literal)
    case "Union":
      return ast.types.map(typeOf).join(" | ")
    case "Arrays": {
      const [rest] = ast.rest
      const elements = ast.elements.map(typeOf)
      return rest === undefined ? `[${elements.join(", ")}]` : `list of ${typeOf(rest)}`
    }
    case "Objects":
      return "struct"
    default:
      return ast._tag.toLowerCase()
  }
}
