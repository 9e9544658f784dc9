/** What code asks for while it runs: modules, and files beside its own. */
import type { AnyNode, CallExpression, ImportExpression, NewExpression } from "acorn"
import { childrenOf, isFunction, isImportMeta, literalText, propertyName } from "./Syntax.ts"

/** A module that is imported while the code runs: `import("./x.ts")`, `require("./x.cjs")`. */
export interface DynamicImport {
  /** Undefined when it is computed. */
  readonly specifier: string | undefined
  /** The exports that are taken from it; undefined when that can be any. */
  readonly names: ReadonlyArray<string> | undefined
  /** Whether the code goes on without it. */
  readonly optional: boolean
  readonly start: number
}

export const isRequire = (node: CallExpression | NewExpression): boolean =>
  node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.name === "require"

export const isInTry = (above: ReadonlyArray<AnyNode>): boolean =>
  above.some((node, index) => node.type === "TryStatement" && node.handler && above[index - 1] === node.block)

/**
 * `import("./x.ts")` with what is taken from it: a property (`(await import(…)).a`) or names by destructuring, also where
 * Effect.promise waits for it.
 */
export const dynamicImport = (node: ImportExpression, above: ReadonlyArray<AnyNode>): DynamicImport => {
  const found = { specifier: literalText(node.source), optional: isInTry(above), start: node.start }
  let inner: AnyNode = node
  for (const outer of above) {
    const passes = outer.type === "AwaitExpression" || outer.type === "ChainExpression"
      || (outer.type === "YieldExpression" && outer.delegate)
      || (outer.type === "ArrowFunctionExpression" && outer.body === inner && outer.params.length === 0)
      || (outer.type === "CallExpression" && outer.arguments[0] === inner && isEffectPromise(outer.callee))
    if (!passes) {
      if (inner === node) break
      if (outer.type === "VariableDeclarator") return { ...found, names: destructured(outer.id) }
      const property = outer.type === "MemberExpression" && outer.object === inner ? propertyName(outer) : undefined
      return { ...found, names: property === undefined ? undefined : [property] }
    }
    inner = outer
  }
  return { ...found, names: undefined }
}

const isEffectPromise = (callee: AnyNode): boolean =>
  callee.type === "MemberExpression" && callee.object.type === "Identifier" && callee.object.name === "Effect"
  && propertyName(callee) === "promise"

const destructured = (pattern: AnyNode): ReadonlyArray<string> | undefined => {
  if (pattern.type !== "ObjectPattern") return undefined
  const names = pattern.properties.map((property) =>
    property.type === "Property" && !property.computed && property.key.type === "Identifier"
      ? property.key.name
      : undefined
  )
  return names.every((name) => name !== undefined) ? names : undefined
}

/** The relative paths in `new URL("./x", import.meta.url)`, `import.meta.resolve("./x")` and `join(import.meta.dirname, "x")`. */
export const besideModule = (node: CallExpression | NewExpression): ReadonlyArray<string> | undefined => {
  const [first, ...rest] = node.arguments
  if (first === undefined) return undefined
  if (node.callee.type === "Identifier" && node.callee.name === "URL" && isImportMeta(rest[0], "url")) {
    return [...texts(first)].filter((text) => /^\.{1,2}\//.test(text))
  }
  const relative = isImportMeta(node.callee, "resolve") ? literalText(first) : undefined
  if (relative !== undefined) return /^\.{1,2}\//.test(relative) ? [relative] : undefined
  const name = node.callee.type === "Identifier" ? node.callee.name : propertyName(node.callee)
  if ((name === "join" || name === "resolve") && isImportMeta(first, "dirname")) {
    const parts = rest.map((argument) => literalText(argument))
    return parts.every((part) => part !== undefined) && parts.length > 0 ? [parts.join("/")] : undefined
  }
  return undefined
}

function* texts(node: AnyNode): Generator<string> {
  const text = literalText(node)
  if (text !== undefined) yield text
  else if (!isFunction(node)) { for (const child of childrenOf(node)) yield* texts(child) }
}

const reads = new Set([
  "readFile",
  "readFileSync",
  "readFileString",
  "createReadStream",
  "readdir",
  "readdirSync",
  "readDirectory",
  "openSync"
])

export const readPath = ({ arguments: [path], callee }: CallExpression | NewExpression): string | undefined => {
  const name = callee.type === "Identifier" ? callee.name : propertyName(callee)
  return name !== undefined && reads.has(name) ? literalText(path) : undefined
}
