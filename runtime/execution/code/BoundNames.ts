/** Which names a piece of code binds: what tells a local variable from one of the module. */
import type { AnyNode, Pattern } from "acorn"
import { childrenOf, isFunction } from "./Syntax.ts"

/** The names that a pattern binds: `{ a, b: [c = 1], ...d }` binds a, c and d. */
export const patternNames = (pattern: Pattern): ReadonlyArray<string> => {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name]
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === "RestElement" ? property.argument : property.value)
      )
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => element === null ? [] : patternNames(element))
    case "RestElement":
      return patternNames(pattern.argument)
    case "AssignmentPattern":
      return patternNames(pattern.left)
    case "MemberExpression":
      return []
  }
}

/** The names that the statements of one block bind for that block: let, const, class and function declarations. */
export const blockNames = (statements: ReadonlyArray<AnyNode>): ReadonlyArray<string> =>
  statements.flatMap((statement) => {
    switch (statement.type) {
      case "VariableDeclaration":
        return statement.declarations.flatMap(({ id }) => patternNames(id))
      case "FunctionDeclaration":
      case "ClassDeclaration":
        return statement.id === null ? [] : [statement.id.name]
      default:
        return []
    }
  })

/** The names that `var` binds somewhere below, for the function or module around. */
export const varNames = (node: AnyNode): ReadonlyArray<string> => {
  if (isFunction(node)) return []
  const own = node.type === "VariableDeclaration" && node.kind === "var"
    ? node.declarations.flatMap(({ id }) => patternNames(id))
    : []
  return [...own, ...childrenOf(node).flatMap(varNames)]
}
