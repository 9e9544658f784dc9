import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

const OutsideKeyId = "~gemflow/pipeline/OutsideKey"

/**
 * A config field that says how a node works and changes nothing that it makes: how many devices it spreads independent work
 * over, how often it saves. It is no part of the key, so that setting it re-executes nothing.
 */
export const outsideKey = <S extends Schema.Top>(schema: S): S["Rebuild"] => schema.annotate({ [OutsideKeyId]: true })

export const isOutsideKey = (ast: SchemaAST.AST): boolean =>
  [ast.annotations, ...(ast.checks ?? []).map(({ annotations }) => annotations)].some((annotations) =>
    annotations?.[OutsideKeyId] === true
  )
