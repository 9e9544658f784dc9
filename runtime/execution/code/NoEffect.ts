/** Whether evaluating an expression can be noticed by other code: what cannot is left out when nothing refers to it. */
import type { AnyNode } from "acorn"
import { propertyName } from "./Syntax.ts"

/** What is known about the names around an expression. */
export interface Surroundings {
  /** Whether a name is imported from gemflow or effect, whose functions describe and do nothing yet. */
  readonly describes: (name: string) => boolean
  /** Whether the call that starts here is annotated with PURE. */
  readonly isMarkedPure: (start: number) => boolean
}

const harmless = new Set([
  "Object",
  "Array",
  "Math",
  "Number",
  "String",
  "Boolean",
  "BigInt",
  "Symbol",
  "JSON",
  "RegExp"
])
const constructors =
  /^(Map|Set|WeakMap|WeakSet|Date|URL|RegExp|Error|TypeError|TextEncoder|TextDecoder|\w*Array|ArrayBuffer|AbortController)$/
/** Parts of Object and Symbol that change what they are given. */
const changing = new Set(["assign", "defineProperty", "defineProperties", "setPrototypeOf"])

export const hasNoEffect = (node: AnyNode | null | undefined, around: Surroundings): boolean => {
  const all = (nodes: ReadonlyArray<AnyNode | null | undefined>) => nodes.every((each) => hasNoEffect(each, around))
  if (node === null || node === undefined) return true
  switch (node.type) {
    case "Literal":
    case "Identifier":
    case "ThisExpression":
    case "MetaProperty":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "FunctionDeclaration":
    case "PrivateIdentifier":
      return true
    case "TemplateLiteral":
      return all(node.expressions)
    case "ArrayExpression":
      return all(node.elements)
    case "ObjectExpression":
      return all(node.properties)
    case "Property":
      return all([node.computed ? node.key : null, node.value])
    case "SpreadElement":
      return hasNoEffect(node.argument, around)
    case "UnaryExpression":
      return node.operator !== "delete" && hasNoEffect(node.argument, around)
    case "BinaryExpression":
    case "LogicalExpression":
      return all([node.left, node.right])
    case "ConditionalExpression":
      return all([node.test, node.consequent, node.alternate])
    case "SequenceExpression":
      return all(node.expressions)
    case "ChainExpression":
      return hasNoEffect(node.expression, around)
    case "MemberExpression":
      return all([node.object, node.computed ? node.property : null])
    case "ClassDeclaration":
    case "ClassExpression":
      return all([node.superClass, ...node.body.body])
    case "MethodDefinition":
      return !node.computed || hasNoEffect(node.key, around)
    case "PropertyDefinition":
      return all([node.computed ? node.key : null, node.static ? node.value : null])
    case "CallExpression":
      return all(node.arguments) && (around.isMarkedPure(node.start) || isHarmless(node.callee, around))
    case "NewExpression":
      return all(node.arguments) && (around.isMarkedPure(node.start) || isHarmless(node.callee, around)
        || (node.callee.type === "Identifier" && constructors.test(node.callee.name)))
    default:
      return false
  }
}

/** Whether calling does nothing but give a value: `Schema.Struct(…)`, `Schema.TaggedError<A>()(…)`, `Math.log(…)`. */
const isHarmless = (callee: AnyNode, around: Surroundings): boolean => {
  switch (callee.type) {
    case "Identifier":
      return around.describes(callee.name) || (harmless.has(callee.name) && callee.name !== "Object")
    case "MemberExpression": {
      const name = propertyName(callee)
      if (name === undefined || name.startsWith("run") || changing.has(name)) return false
      if (name === "pipe") return hasNoEffect(callee.object, around)
      return callee.object.type === "Identifier"
        ? around.describes(callee.object.name) || harmless.has(callee.object.name)
        : isHarmless(callee.object, around)
    }
    case "CallExpression":
      return hasNoEffect(callee, around)
    default:
      return false
  }
}
