/** Small questions asked of syntax trees. */
import type { AnyNode } from "acorn"

/** Fields of a node that are its place or its spelling, and say nothing about what it does. */
const spelling = new Set(["start", "end", "loc", "range", "raw", "shorthand", "parent"])

/** What a node consists of, without place and spelling, in the parser's order. */
export const fieldsOf = (node: AnyNode): ReadonlyArray<string> =>
  Object.keys(node).filter((name) => !spelling.has(name))

export const isNode = (value: unknown): value is AnyNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value

/** The nodes directly below a node, in the order of the text. */
export const childrenOf = (node: AnyNode): ReadonlyArray<AnyNode> => {
  const children: Array<AnyNode> = []
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) children.push(...value.filter(isNode))
    else if (isNode(value)) children.push(value)
  }
  return children
}

/** Every node at or below one. */
export function* descendants(node: AnyNode): Generator<AnyNode> {
  yield node
  for (const child of childrenOf(node)) yield* descendants(child)
}

export const isFunction = (node: AnyNode) =>
  node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression"

/** The text that a literal stands for, also a template without expressions. */
export const literalText = (node: AnyNode | null | undefined): string | undefined => {
  if (node?.type === "Literal") return typeof node.value === "string" ? node.value : undefined
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0]?.value.cooked ?? undefined
  }
  return undefined
}

/** The name of the property that a member expression reads, when it is written out: `a.b` and `a["b"]`. */
export const propertyName = (node: AnyNode): string | undefined => {
  if (node.type !== "MemberExpression") return undefined
  if (node.computed) return literalText(node.property)
  return node.property.type === "Identifier" ? node.property.name : undefined
}

/** `import.meta.url` and its kin. */
export const isImportMeta = (node: AnyNode | undefined, property: string): boolean =>
  node?.type === "MemberExpression" && node.object.type === "MetaProperty" && propertyName(node) === property
