/** What a grid varies: axes of levels, each level one or several changes under a label. */
import { isFields, requireArgument } from "./Argument.ts"
import { type Change, type ConfigOf, isChange, type Target } from "./Change.ts"
import { locate, renderLocation } from "./Location.ts"
import { InvalidGrid } from "./PipelineError.ts"

/** A step on an axis: what it changes, and what it is called; one without changes is the pipeline as it is. */
export interface Level {
  readonly label: string
  readonly changes: ReadonlyArray<Change>
}

/** A dimension of a grid. */
export interface Axis {
  readonly name: string
  readonly levels: ReadonlyArray<Level>
}

/** The levels of an axis as written: a bare change is called by what it sets, `0.5`, or by the node it swaps in. */
export type Levels = ReadonlyArray<Change | Level>

/** A level under a label of one's own; without changes it is the pipeline as it is: `level("as-is")`. */
export const level = (label: string, ...changes: ReadonlyArray<Change>): Level => {
  const location = locate(level)
  if (!isLabel(label)) throw badLabel(label, renderLocation(location()))
  return { label, changes }
}

/** A level for each value of a config field: `vary(EntropyScore, "lambda", [0.1, 0.5, 1])`. */
export const vary = <const T extends Target, const Field extends keyof ConfigOf<NoInfer<T>> & string>(
  target: T,
  field: Field,
  values: ReadonlyArray<Exclude<ConfigOf<NoInfer<T>>[Field], undefined>>
): ReadonlyArray<Change> => {
  const location = locate(vary)
  const place = () => renderLocation(location())
  requireArgument(Array.isArray(values), place, "vary(Node, \"field\", [value, …])", "a list of values third", values)
  return values.map((value) => ({
    _tag: "Set",
    target,
    fields: { [field]: value },
    place
  }))
}

/** How far apart the seeds of two levels are: rounds that count their seeds up do not meet those of the next level. */
const seedDistance = 1000

/**
 * Levels that differ in their random numbers alone, to be the replicates of an ablation: the first is the pipeline as it
 * is, and each further one adds 1000 to the config field `seed` of the named nodes; without names, of every node that is
 * seeded or sampled.
 */
export const seeds = (count: number, ...targets: ReadonlyArray<Target>): ReadonlyArray<Level> => {
  const location = locate(seeds)
  const place = () => renderLocation(location())
  if (!Number.isInteger(count) || count < 1) {
    throw new InvalidGrid({ place: place(), problem: `seeds(${count}) cannot be; give a whole number from 1 on.` })
  }
  return Array.from({ length: count }, (_, index) => ({
    label: String(index + 1),
    changes: [{ _tag: "Reseed", targets, add: index * seedDistance, place }]
  }))
}

/** The axis of the levels as written, each with its label. @throws InvalidGrid */
export const toAxis = (name: string, written: Levels, place: () => string): Axis => {
  const how = `grid(base, { ${name}: [level, …] })`
  requireArgument(Array.isArray(written), place, how, "a list of levels for each axis", written)
  for (const each of written) {
    requireArgument(isChange(each) || isLevel(each), place, how, "changes and levels in that list", each)
  }
  if (written.length === 0) {
    throw new InvalidGrid({ place: place(), problem: `axis ${name} has no levels; list one change at least.` })
  }
  const given = new Set<string>()
  for (const each of written) {
    if ("_tag" in each) continue
    if (!isLabel(each.label)) throw badLabel(each.label, place())
    if (given.has(each.label)) {
      throw new InvalidGrid({
        place: place(),
        problem: `axis ${name} has two levels ${each.label}; name one otherwise.`
      })
    }
    given.add(each.label)
  }
  const levels = written.map((each): Level => {
    if (!("_tag" in each)) return each
    const label = unused(labelOf(each), given)
    given.add(label)
    return { label, changes: [each] }
  })
  return { name, levels }
}

/** Whether an axis varies nothing but seeds. */
export const variesSeeds = ({ levels }: Axis): boolean =>
  levels.every(({ changes }) =>
    changes.length > 0 &&
    changes.every((change) =>
      change._tag === "Reseed" ||
      (change._tag === "Set" && Object.keys(change.fields).every((field) => field === "seed"))
    )
  )

const isLevel = (value: unknown): boolean =>
  isFields(value) && "label" in value && "changes" in value && Array.isArray(value.changes) &&
  value.changes.every(isChange)

/** Labels are part of instance names, `lambda=0.5/rank`, and of lists on the command line. */
const isLabel = (label: string): boolean => /^[A-Za-z0-9_.+-]+$/.test(label)

const badLabel = (label: string, place: string) =>
  new InvalidGrid({
    place,
    problem: `"${label}" cannot name a level; use letters, digits, "-", "+", "." and "_", as in "plackett-luce".`
  })

const labelOf = (change: Change): string => {
  switch (change._tag) {
    case "Set": {
      const fields = Object.entries(change.fields)
      const [only] = fields
      return toLabel(
        fields.length === 1 && only !== undefined
          ? textOf(only[1])
          : fields.map(([field, value]) => `${field}-${textOf(value)}`).join("-")
      )
    }
    case "Swap":
      return change.node.name
    case "Drop":
      return toLabel(`without-${typeof change.target === "string" ? change.target : change.target.definition.name}`)
    case "Reseed":
      return toLabel(`seeds+${change.add}`)
  }
}

const textOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? String(value)

const longestLabel = 40

/** A text as a label. */
export const toLabel = (text: string): string =>
  text.replace(/[^A-Za-z0-9_.+-]+/g, "-").replace(/^-(?=\D|$)|-$/g, "").slice(0, longestLabel) || "empty"

const unused = (label: string, taken: ReadonlySet<string>): string => {
  if (!taken.has(label)) return label
  let number = 2
  while (taken.has(`${label}-${number}`)) number++
  return `${label}-${number}`
}
