/** What a piece of code refers to outside itself: variables of the module, globals, modules that it imports, files. */
import type { AnyNode } from "acorn"
import { blockNames, patternNames, varNames } from "./BoundNames.ts"
import { besideModule, type DynamicImport, dynamicImport, isInTry, isRequire, readPath } from "./Requests.ts"
import { childrenOf, literalText, propertyName } from "./Syntax.ts"

/** A use of a name that the code does not bind itself. */
export interface Reference {
  readonly name: string
  /** The properties read of it, as far as they are written out: `process.env.HOME` has env and HOME. */
  readonly properties: ReadonlyArray<string>
  /** `call` also for `new`; `assign` also when a property of it is assigned to. */
  readonly use: "read" | "call" | "assign"
  /** How many arguments a call has. */
  readonly count: number
  /** In how many functions it stands: what stands in none happens when the module is loaded. */
  readonly depth: number
  readonly start: number
}

/** A file that is read by a path which stands in the code. */
export interface WrittenPath {
  readonly path: string
  readonly start: number
}

export interface References {
  readonly names: ReadonlyArray<Reference>
  readonly imports: ReadonlyArray<DynamicImport>
  /** Files beside the module, as `new URL("./x", import.meta.url)`; of alternatives those that are there count. */
  readonly besides: ReadonlyArray<ReadonlyArray<string>>
  readonly readings: ReadonlyArray<WrittenPath>
}

interface Context {
  /** Names bound around. */
  readonly bound: ReadonlySet<string>
  readonly depth: number
  /** The nodes above, the nearest first. */
  readonly above: ReadonlyArray<AnyNode>
}

/** What `root` refers to. What it declares for its module counts as outside itself. */
export const referencesOf = (root: AnyNode): References => {
  const names: Array<Reference> = []
  const imports: Array<DynamicImport> = []
  const besides: Array<ReadonlyArray<string>> = []
  const readings: Array<WrittenPath> = []

  const visit = (node: AnyNode, outer: Context): void => {
    const context = enter(node, outer)
    switch (node.type) {
      case "Identifier":
        if (!context.bound.has(node.name)) names.push(reference(node.name, node, context))
        return
      case "ImportExpression":
        imports.push(dynamicImport(node, context.above))
        break
      case "CallExpression":
      case "NewExpression": {
        const beside = besideModule(node)
        if (beside !== undefined) besides.push(beside)
        const path = readPath(node)
        if (path !== undefined) readings.push({ path, start: node.start })
        if (isRequire(node) && !context.bound.has("require")) {
          const specifier = literalText(node.arguments[0])
          imports.push({ specifier, names: undefined, optional: isInTry(context.above), start: node.start })
        }
        break
      }
    }
    const below = { ...context, above: [node, ...context.above] }
    for (const child of childrenOf(node)) {
      if (!isOnlyName(node, child)) visit(child, below)
    }
  }
  visit(root, { bound: new Set(), depth: 0, above: [] })
  return { names, imports, besides, readings }
}

/** The context inside a node: what it binds, and whether it is run later. */
const enter = (node: AnyNode, context: Context): Context => {
  const bind = (bound: ReadonlyArray<string>, depth = context.depth): Context =>
    bound.length === 0 && depth === context.depth
      ? context
      : { ...context, bound: new Set([...context.bound, ...bound]), depth }
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression": {
      const [parent] = context.above
      const isCalledAtOnce = parent?.type === "CallExpression" && parent.callee === node
      const own = node.type === "FunctionExpression" && node.id ? [node.id.name] : []
      const implicit = node.type === "ArrowFunctionExpression" ? [] : ["arguments"]
      const bound = [
        ...own,
        ...implicit,
        ...node.params.flatMap(patternNames),
        ...childrenOf(node.body).flatMap(varNames)
      ]
      return bind(bound, isCalledAtOnce ? context.depth : context.depth + 1)
    }
    case "ClassExpression":
      return bind(node.id ? [node.id.name] : [])
    case "PropertyDefinition":
      return bind([], node.static ? context.depth : context.depth + 1)
    case "BlockStatement":
    case "StaticBlock":
      return bind(blockNames(node.body))
    case "SwitchStatement":
      return bind(node.cases.flatMap(({ consequent }) => blockNames(consequent)))
    case "ForStatement":
      return bind(node.init ? blockNames([node.init]) : [])
    case "ForInStatement":
    case "ForOfStatement":
      return bind(blockNames([node.left]))
    case "CatchClause":
      return bind(node.param ? patternNames(node.param) : [])
    default:
      return context
  }
}

/** Whether a child is the name of something, and no use of a variable. */
const isOnlyName = (node: AnyNode, child: AnyNode): boolean => {
  switch (node.type) {
    case "MemberExpression":
      return child === node.property && !node.computed
    case "Property":
      // In `{ a }` key and value are one node.
      return child === node.key && !node.computed && child !== node.value
    case "MethodDefinition":
    case "PropertyDefinition":
      return child === node.key && !node.computed
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return child === node.label
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return child === node.id
    case "VariableDeclarator":
      return child === node.id && child.type === "Identifier"
    case "MetaProperty":
      return true
    default:
      return false
  }
}

const reference = (name: string, node: AnyNode, { above, depth }: Context): Reference => {
  const properties: Array<string> = []
  let inner = node
  for (const outer of above) {
    if (outer.type === "ChainExpression") {
      inner = outer
      continue
    }
    const property = outer.type === "MemberExpression" && outer.object === inner ? propertyName(outer) : undefined
    if (outer.type !== "MemberExpression" || outer.object !== inner) break
    inner = outer
    properties.push(property ?? "")
  }
  const parent = above[above.indexOf(inner) + 1]
  const isCall = (parent?.type === "CallExpression" || parent?.type === "NewExpression") && parent.callee === inner
  return {
    name,
    properties,
    use: isCall ? "call" : isAssigned(inner, parent, above) ? "assign" : "read",
    count: isCall ? parent.arguments.length : 0,
    depth,
    start: node.start
  }
}

const isAssigned = (node: AnyNode, parent: AnyNode | undefined, above: ReadonlyArray<AnyNode>): boolean => {
  switch (parent?.type) {
    case "AssignmentExpression":
    case "ForInStatement":
    case "ForOfStatement":
      return parent.left === node
    case "UpdateExpression":
      return true
    case "UnaryExpression":
      return parent.operator === "delete"
    case "ArrayPattern":
    case "RestElement":
      return !isDeclared(above)
    case "Property":
      return parent.value === node && above[above.indexOf(parent) + 1]?.type === "ObjectPattern" && !isDeclared(above)
    case "AssignmentPattern":
      return parent.left === node && !isDeclared(above)
    default:
      return false
  }
}

/** Whether a pattern declares its names, in place of assigning to them. */
const isDeclared = (above: ReadonlyArray<AnyNode>): boolean =>
  above.find(({ type }) => type === "AssignmentExpression" || type === "VariableDeclarator")?.type
    === "VariableDeclarator"
