/** The digest of what code does: of its syntax tree, so that comments, layout, quotes and brackets do not count. */
import type { AnyNode, CallExpression } from "acorn"
import { createHash } from "node:crypto"
import { fieldsOf, isNode, propertyName } from "./Syntax.ts"

export const syntaxDigest = (node: AnyNode): string => {
  const pieces: Array<string> = []
  write(node, pieces)
  return createHash("sha256").update(pieces.join("")).digest("hex")
}

/** Every piece tells its length or its number of parts, so that no two trees give one text. */
const write = (value: unknown, out: Array<string>): void => {
  if (Array.isArray(value)) {
    out.push(`[${value.length}:`)
    for (const item of value) write(item, out)
  } else if (isNode(value)) {
    for (const name of fieldsOf(value)) {
      // A regular expression is told by its pattern; the value is what this machine makes of it.
      if (value.type === "Literal" && value.regex && name === "value") continue
      out.push(`${name}=`)
      write((name === "arguments" ? toldArguments(value) : undefined) ?? Reflect.get(value, name), out)
    }
    out.push(";")
  } else if (typeof value === "object" && value !== null) {
    // The text of a template, or the pattern and flags of a regular expression.
    const text = JSON.stringify(value)
    out.push(`(${text.length}:${text}`)
  } else {
    const text = typeof value === "string" ? value : String(value)
    out.push(`${typeof value}${text.length}:${text}`)
  }
}

/** What is said of nodes and columns for readers, or for how work is done, and changes nothing that is made. */
const silentProperties = ({ callee }: CallExpression): ReadonlySet<string> | undefined => {
  if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return undefined
  if (callee.object.name === "Node" && propertyName(callee) === "make") return ofNodes
  return callee.object.name === "Column" ? ofColumns : undefined
}

const ofNodes = new Set(["doc", "retry", "timeout", "resources"])
const ofColumns = new Set(["doc", "unit", "id"])

const toldArguments = (node: AnyNode): ReadonlyArray<unknown> | undefined => {
  if (node.type !== "CallExpression") return undefined
  const silent = silentProperties(node)
  return silent === undefined ?
    undefined :
    node.arguments.map((argument) =>
      argument.type !== "ObjectExpression" ? argument : {
        ...argument,
        properties: argument.properties.filter((property) =>
          !(property.type === "Property" && !property.computed && property.key.type === "Identifier"
            && silent.has(property.key.name))
        )
      }
    )
}
