import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { didYouMean } from "./DidYouMean.ts"

/** What is wrong inside a value, and where: `adapter.rank` expects an integer, found "x". */
export interface ConfigProblem {
  /** From the outside in; empty for the value as a whole. */
  readonly path: ReadonlyArray<string>
  readonly expected: string
  readonly found: string
  readonly suggestion?: string
}

/** The first problem that decoding `value` by a schema met. */
export const problemOf = (ast: SchemaAST.AST, value: unknown, issue: SchemaIssue.Issue): ConfigProblem => {
  const [first = { path: [], message: "Expected a valid value" }] = format(issue).issues
  const keys = (first.path ?? []).map((part) => typeof part === "object" ? part.key : part)
  const path = keys.map(String)
  const own = path.at(-1)
  const known = fieldsAt(ast, path.slice(0, -1))
  if (own !== undefined && first.message === "Expected no excess property") {
    const suggestion = didYouMean(own, known)
    return {
      path,
      expected: known.length === 0 ? "no fields" : `one of the fields ${known.join(", ")}`,
      found: `the field ${own}`,
      ...(suggestion === undefined ? {} : { suggestion })
    }
  }
  const found = keys.reduce<unknown>((inside, key) => property(inside, key), value)
  const isMissing = first.message === "Missing key"
  return {
    path,
    expected: isMissing ? expectedAt(ast, path) : first.message.replace(/^Expected /, ""),
    found: isMissing ? "nothing" : show(found)
  }
}

/** A value as an error shows it: JSON, shortened. */
export const show = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const property = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

/** What a field that is missing expects. */
const expectedAt = (ast: SchemaAST.AST, path: ReadonlyArray<string>): string => {
  const [wanted] = path.reduce<ReadonlyArray<SchemaAST.AST>>((asts, key) => asts.flatMap(inside(key)), [ast])
  if (wanted === undefined) return "a value"
  const decoded = Schema.decodeResult(Schema.make<Schema.Codec<unknown>>(wanted))(undefined)
  return Result.isFailure(decoded) ? problemOf(wanted, undefined, decoded.failure.issue).expected : "a value"
}

/** The names of the fields of the structs at a place: of several where that is a union. */
const fieldsAt = (ast: SchemaAST.AST, path: ReadonlyArray<string>): ReadonlyArray<string> => {
  const at = path.reduce<ReadonlyArray<SchemaAST.AST>>((asts, key) => asts.flatMap(inside(key)), [ast])
  return [
    ...new Set(
      at.flatMap(members).flatMap((member) =>
        member._tag === "Objects"
          ? member.propertySignatures.map(({ name }) => String(name))
          : []
      )
    )
  ]
}

const inside = (key: string) => (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  members(ast).flatMap((member) => {
    if (member._tag === "Objects") {
      return member.propertySignatures.flatMap(({ name, type }) => String(name) === key ? [type] : [])
    }
    if (member._tag !== "Arrays" || !/^\d+$/.test(key)) return []
    const element = member.elements[Number(key)] ?? member.rest[0]
    return element === undefined ? [] : [element]
  })

const members = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  ast._tag === "Union" ? ast.types.flatMap(members) : [ast]
