/** A grid from the command line: `--vary NODE.FIELD=VALUE,VALUE` and `--seeds N`, beside what a file's own grid varies. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Level, type Levels, seeds, toLabel } from "../../pipeline/Axis.ts"
import type { Change } from "../../pipeline/Change.ts"
import { type Grid, makeGrid } from "../../pipeline/Grid.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { InvalidGrid, MalformedSetting, type PipelineError } from "../../pipeline/PipelineError.ts"
import { matching } from "../../pipeline/Select.ts"
import { readValue, splitSetting } from "../../pipeline/Settings.ts"

/** There is no grid and no flag that would make one. */
export class NothingToVary extends Schema.TaggedError<NothingToVary>()("NothingToVary", { file: Schema.String }) {
  override get message(): string {
    return `${this.file} exports a pipeline, and nothing says what to vary. Add --vary entropy-score.lambda=0.1,0.5 or --seeds 3, `
      + "or export a grid(…)."
  }
}

export interface VaryOptions {
  readonly file: string
  /** What is varied, with its --set applied. */
  readonly base: Pipeline
  /** The grid that the file exports. */
  readonly grid: Grid | undefined
  readonly vary: ReadonlyArray<string>
  readonly seeds: number | undefined
}

/** The grid that a command line asks for. */
export const gridOf = Effect.fnUntraced(function*(options: VaryOptions) {
  const { base, file, grid, vary } = options
  const axes = new Map<string, Levels>(grid?.axes.map(({ levels, name }) => [name, levels]))
  for (const axis of yield* varied(base, vary)) {
    if (axes.has(axis.name)) return yield* twice(axis.name, axis.place)
    axes.set(axis.name, axis.levels)
  }
  if (options.seeds !== undefined) {
    const place = `--seeds ${options.seeds}`
    if (axes.has("seed")) return yield* twice("seed", place)
    axes.set("seed", seeds(options.seeds))
  }
  if (axes.size === 0) return yield* new NothingToVary({ file })
  const { name, replicates } = grid ?? {}
  return yield* Effect.try({
    try: () =>
      makeGrid(
        base,
        Object.fromEntries(axes),
        { ...(name === undefined ? {} : { name }), ...(replicates === undefined ? {} : { replicates }) },
        () => file
      ),
    // All that making a grid throws is one of these; a defect is thrown on.
    catch: (error) => {
      if (error instanceof Error && "_tag" in error) return error as PipelineError
      throw error
    }
  })
})

const twice = (axis: string, place: string) =>
  new InvalidGrid({ place, problem: `there is an axis ${axis} already; leave one of the two out.` })

/** The axes of --vary: called by the field, or by node and field where two flags vary a field of the same name. */
const varied = Effect.fnUntraced(function*(base: Pipeline, flags: ReadonlyArray<string>) {
  const parsed = yield* Effect.forEach(flags, (flag) => parseVary(base, flag))
  const fields = parsed.map(({ field }) => field)
  return parsed.map(({ field, levels, node, place }) => ({
    name: fields.indexOf(field) === fields.lastIndexOf(field) ? field : `${node.replaceAll(/[^\w-]+/g, "-")}-${field}`,
    levels,
    place
  }))
})

const parseVary = Effect.fnUntraced(function*(base: Pipeline, flag: string) {
  const place = `--vary ${flag}`
  const parts = splitSetting(base, flag)
  if (parts === undefined) return yield* new MalformedSetting({ place, expected: "NODE.FIELD=VALUE,VALUE,…" })
  const { field, inner, node, text } = parts
  const [instance] = yield* Effect.fromResult(matching(base, node, place))
  const levels: Array<Change | Level> = []
  for (const value of splitValues(text)) {
    const read = yield* Effect.fromResult(readValue(instance, { field, inner, text: value }, place, process.cwd()))
    const change: Change = { _tag: "Set", target: node, fields: { [field]: read }, place: () => place }
    // The whole field would be a long name for what was varied inside it.
    levels.push(inner.length === 0 ? change : { label: toLabel(value), changes: [change] })
  }
  return { node, field: [field, ...inner].join("-"), levels, place }
})

/** Cut at commas, but not inside brackets, braces or quotes: `[1,2],[3]` are two values. */
export const splitValues = (text: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  let depth = 0
  let quoted = false
  let value = ""
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? ""
    if (quoted && character === "\\") {
      value += character + (text[++index] ?? "")
      continue
    }
    if (character === "\"") quoted = !quoted
    else if (!quoted && /[[{]/.test(character)) depth++
    else if (!quoted && /[\]}]/.test(character)) depth--
    if (character === "," && !quoted && depth === 0) {
      values.push(value)
      value = ""
    } else value += character
  }
  return [...values, value]
}
