/**
 * A source file as its top-level declarations, with what each refers to. Types are stripped by Node itself, which leaves
 * everything where it was, so places are those that the user sees.
 */
import { type AnyNode, type Comment, getLineInfo, parse, type Program } from "acorn"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { blockNames, patternNames, varNames } from "./BoundNames.ts"
import { hasNoEffect, type Surroundings } from "./NoEffect.ts"
import { type References, referencesOf } from "./References.ts"
import { isFunction, propertyName } from "./Syntax.ts"
import { syntaxDigest } from "./SyntaxDigest.ts"

/** A top-level declaration, or a top-level statement that is none. */
export interface Unit {
  /** As differences name it: `score()`, `LIMIT`, `class Model`, `register(…)`. Unique in its file. */
  readonly name: string
  /** The variables of the module that it declares. */
  readonly declares: ReadonlyArray<string>
  /** Whether running it may be noticed elsewhere, so that it counts although nothing refers to it. */
  readonly hasEffect: boolean
  /** Whether what it declares is a part of what its expression gives: `const [A, B] = …`. */
  readonly isPattern: boolean
  readonly start: number
  readonly end: number
  readonly node: AnyNode
  readonly digest: () => string
  readonly references: () => References
}

/** What a name of the module is, when it comes from another: `*` is all of it. */
export interface Imported {
  readonly specifier: string
  readonly name: string
}

export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly units: ReadonlyArray<Unit>
  readonly imports: ReadonlyMap<string, Imported>
  /** Every module that is loaded with this one, in order; `bare` where it is imported for its effects alone. */
  readonly loads: ReadonlyArray<{ readonly specifier: string; readonly bare: boolean; readonly start: number }>
  readonly exports: ReadonlyMap<string, { readonly local: string } | Imported>
  /** `export * from`. */
  readonly stars: ReadonlyArray<string>
  /** A CommonJS module: what it exports cannot be told apart. */
  readonly isCommonJs: boolean
  readonly lineAt: (offset: number) => number
  /** The reason given for code on a line to be left out of the key, when there is one. */
  readonly outsideKey: (line: number) => string | undefined
}

/** The local name of an anonymous default export; no variable can be called so. */
const defaultName = "*default*"

/** @throws SyntaxError and what stripping types throws. */
export const readSource = (path: string): SourceFile => {
  const text = readFileSync(path, "utf8")
  const comments: Array<Comment> = []
  const { isCommonJs, program } = parseText(path, stripped(path, text), comments)

  const imports = new Map<string, Imported>()
  const loads: Array<SourceFile["loads"][number]> = []
  const exports = new Map<string, { readonly local: string } | Imported>()
  const stars: Array<string> = []
  const units: Array<Unit> = []
  const taken = new Map<string, number>()
  const pureCalls = new Set(
    comments.flatMap(({ end, value }) =>
      /[#@]__PURE__/.test(value) ? [end + (/\S/.exec(text.slice(end))?.index ?? 0)] : []
    )
  )
  const around: Surroundings = {
    describes: (name) => /^(gemflow|effect|@effect\/[^/]+)(\/|$)/.test(imports.get(name)?.specifier ?? ""),
    isMarkedPure: (start) => pureCalls.has(start)
  }
  const add = (name: string, node: AnyNode, declares: ReadonlyArray<string>, hasEffect: boolean, isPattern = false) => {
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    units.push({
      name: count === 1 ? name : `${name} ${count}`,
      declares,
      hasEffect: hasEffect || isCommonJs,
      isPattern,
      start: node.start,
      end: node.end,
      node,
      digest: once(() => syntaxDigest(node)),
      references: once(() => referencesOf(node))
    })
  }
  const addStatement = (node: AnyNode): void => {
    switch (node.type) {
      case "EmptyStatement":
        return
      case "VariableDeclaration":
        for (const declarator of node.declarations) {
          const declares = patternNames(declarator.id)
          const { init } = declarator
          const isPattern = declarator.id.type !== "Identifier"
          const called = init && isFunction(init) && !isPattern ? "()" : ""
          const hasEffect = !hasNoEffect(init, around) || !["const", "let", "var"].includes(node.kind)
          add(`${declares.join(", ") || "destructuring"}${called}`, declarator, declares, hasEffect, isPattern)
        }
        return
      case "FunctionDeclaration":
        return add(`${node.id?.name ?? "default export"}()`, node, [node.id?.name ?? defaultName], false)
      case "ClassDeclaration":
        return add(
          `class ${node.id?.name ?? "default export"}`,
          node,
          [node.id?.name ?? defaultName],
          !hasNoEffect(node, around)
        )
      default:
        return add(statementName(node, text), node, varNames(node), true)
    }
  }

  // Imports are hoisted: what a name stands for has to be known before any expression is judged.
  for (const node of program.body) {
    if (node.type !== "ImportDeclaration") continue
    const specifier = String(node.source.value)
    loads.push({ specifier, bare: node.specifiers.length === 0, start: node.start })
    for (const each of node.specifiers) {
      const name = each.type === "ImportNamespaceSpecifier"
        ? "*"
        : each.type === "ImportDefaultSpecifier"
        ? "default"
        : exportName(each.imported)
      imports.set(each.local.name, { specifier, name })
    }
  }
  for (const node of program.body) {
    switch (node.type) {
      case "ImportDeclaration":
        break
      case "ExportAllDeclaration": {
        const specifier = String(node.source.value)
        loads.push({ specifier, bare: false, start: node.start })
        if (node.exported) exports.set(exportName(node.exported), { specifier, name: "*" })
        else stars.push(specifier)
        break
      }
      case "ExportNamedDeclaration":
        if (node.declaration) {
          for (const name of blockNames([node.declaration])) exports.set(name, { local: name })
          addStatement(node.declaration)
        }
        if (node.source) loads.push({ specifier: String(node.source.value), bare: false, start: node.start })
        for (const { exported, local } of node.specifiers) {
          exports.set(
            exportName(exported),
            node.source
              ? { specifier: String(node.source.value), name: exportName(local) }
              : { local: exportName(local) }
          )
        }
        break
      case "ExportDefaultDeclaration": {
        const { declaration } = node
        const isDeclared = declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration"
        exports.set("default", { local: isDeclared ? declaration.id?.name ?? defaultName : defaultName })
        if (isDeclared) addStatement(declaration)
        else add("default export", declaration, [defaultName], !hasNoEffect(declaration, around))
        break
      }
      default:
        addStatement(node)
    }
  }

  const reasons = outsideKeyReasons(comments, text)
  return {
    path,
    text,
    units,
    imports,
    loads,
    exports,
    stars,
    isCommonJs,
    lineAt: (offset) => getLineInfo(text, offset).line,
    // Beside the code or on the line above it.
    outsideKey: (line) => reasons.get(line) ?? reasons.get(line - 1)
  }
}

const stripped = (path: string, text: string): string =>
  /\.[cm]?ts$/.test(path) ? stripTypeScriptTypes(text, { mode: "strip" }) : text

const parseText = (
  path: string,
  text: string,
  comments: Array<Comment>
): { readonly program: Program; readonly isCommonJs: boolean } => {
  const attempt = (sourceType: "module" | "script") => {
    comments.length = 0
    return parse(text, {
      ecmaVersion: "latest",
      sourceType,
      onComment: comments,
      allowHashBang: true,
      allowReturnOutsideFunction: sourceType === "script"
    })
  }
  if (/\.c[jt]s$/.test(path)) return { program: attempt("script"), isCommonJs: true }
  try {
    return { program: attempt("module"), isCommonJs: path.endsWith(".js") && isCommonJsText(text) }
  } catch (error) {
    if (!path.endsWith(".js")) throw error
    return { program: attempt("script"), isCommonJs: true }
  }
}

/** As Node decides it where package.json is silent: no import or export, and a sign of CommonJS. */
const isCommonJsText = (text: string) =>
  !/^\s*(import|export)\b/m.test(text) && /\bmodule\.exports\b|\bexports\.|\brequire\(/.test(text)

const outsideKeyReasons = (comments: ReadonlyArray<Comment>, text: string): ReadonlyMap<number, string> =>
  new Map(comments.flatMap(({ end, value }) => {
    const reason = /^\s*gemflow: outside-key\s+(\S.*?)\s*$/s.exec(value)?.[1]
    return reason === undefined ? [] : [[getLineInfo(text, end).line, reason]]
  }))

const statementName = (node: AnyNode, text: string): string => {
  const source = (part: AnyNode) => {
    const written = text.slice(part.start, part.end).replace(/\s+/g, " ")
    return written.length <= 40 ? written : `${written.slice(0, 39)}…`
  }
  if (node.type !== "ExpressionStatement") return `top-level ${node.type.replace(/Statement$/, "").toLowerCase()}`
  const { expression } = node
  if (expression.type === "AssignmentExpression") return `${source(expression.left)} ${expression.operator} …`
  if (
    expression.type === "CallExpression" && (expression.callee.type === "Identifier" || propertyName(expression.callee))
  ) {
    return `${source(expression.callee)}(…)`
  }
  return "top-level statement"
}

const exportName = (node: { readonly type: string; readonly name?: string; readonly value?: unknown }): string =>
  node.name ?? String(node.value)

const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
