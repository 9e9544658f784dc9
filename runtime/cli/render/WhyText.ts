/** Why a node runs, or need not, as lines for people. */
import type { NamedDifference, Unchanged } from "../../lineage/KeyComparison.ts"
import type { NodeChange } from "../../lineage/Why.ts"
import { renderDifference } from "../../pipeline/Difference.ts"
import type { WhyAnswer } from "../WhyAnswer.ts"
import { count } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine } from "./TextTable.ts"

/** Names after which a list ends with how many there are. */
const mostNames = 6

const labelWidth = 12

export const whyText = (answer: WhyAnswer, style: Style): string => {
  const { after, before, changes, computedBy, error, executed, node, restsOn = {}, status } = answer
  const [asked] = changes
  const title = `${style.bold(node)}  ${verdictOf(answer, style)}`
  const against = before === undefined ? [] : [
    `  ${style.dim(`compared with run ${runText(before)}${after === undefined ? "" : `, in run ${runText(after)}`}`)}`
  ]
  if (status === "never-run") return title
  if (status === "cached" && computedBy !== undefined) {
    const times = computedBy.cachedSince === 0 ? "" : `, found cached in ${count(computedBy.cachedSince, "run")} since`
    return [
      title,
      `  ${style.dim(`computed by run ${runText(computedBy)}${times}`)}`,
      ...basisLines(restsOn, style),
      ...(executed === undefined ? [] : ["", ...whyText(executed, style).split("\n")])
    ].join("\n")
  }
  const lines = changeLines(changes, style)
  return [
    title,
    ...against,
    ...(error === undefined ? [] : [`  ${style.bad(oneLine(error))}`]),
    ...(lines.length > 0 ? lines : [`  ${style.dim("nothing changed")}`]),
    ...unchangedLines(asked?.unchanged ?? {}, style)
  ].join("\n")
}

const verdictOf = ({ after, reasons, status }: WhyAnswer, style: Style): string => {
  const because = reasons.length === 0 ? "" : `: ${reasons.join(", ")}`
  if (after !== undefined) return `${status} by run ${after.run}${because}`
  switch (status) {
    case "cached":
      return style.good("up to date")
    case "never-run":
      return `${style.warn("never ran")}: there is no key to compare with`
    default:
      return `${style.warn("would execute")}${because}`
  }
}

const runText = ({ run, startedAt }: { readonly run: string; readonly startedAt: string }): string =>
  startedAt === "" ? `${run} (no longer kept)` : run

/** What an output rests on. */
const basisLines = (unchanged: Unchanged, style: Style): ReadonlyArray<string> =>
  Object.entries(unchanged).map(([reason, names], index) =>
    `  ${label(index === 0 ? "rests on" : "", style.dim)}${reason} ${nameList(names)}`
  )

/** The differences of the first node, and below each input that differs those of the node that makes it. */
export const changeLines = (changes: ReadonlyArray<NodeChange>, style: Style): ReadonlyArray<string> => {
  const [asked] = changes
  if (asked === undefined) return []
  const byName = new Map(changes.map((change) => [change.node, change]))
  const told = new Set<string>()
  const linesOf = (change: NodeChange, indent: string): ReadonlyArray<string> => {
    told.add(change.node)
    return [
      ...differenceLines(change, style).map((line) => indent + line),
      ...change.through.flatMap((name) => {
        const upstream = byName.get(name)
        if (upstream === undefined || isSilent(upstream, byName)) return []
        const seen = told.has(name)
        const title = `${indent}${"".padEnd(labelWidth)}${style.bold(name)}${seen ? style.dim("  (as above)") : ""}`
        return [title, ...(seen ? [] : linesOf(upstream, `${indent}${"".padEnd(labelWidth + 2)}`))]
      })
    ]
  }
  return linesOf(asked, "  ")
}

/** What is the same in both keys, a line per part of the key. */
export const unchangedLines = (unchanged: Unchanged, style: Style): ReadonlyArray<string> =>
  Object.entries(unchanged).map(([reason, names], index) =>
    `  ${label(index === 0 ? "same" : "", style.dim)}${style.dim(`${reason} ${nameList(names)}`)}`
  )

/** Some names, and how many there are where that is not all. */
export const nameList = (names: ReadonlyArray<string>): string => {
  const shown = names.slice(0, mostNames).map((name) => oneLine(name)).join(", ")
  return names.length > mostNames ? `${shown}, … (${names.length} in all)` : shown
}

const differenceLines = (change: NodeChange, style: Style): ReadonlyArray<string> => {
  if (change.verdict === "new") return [`${label("never-run", style.warn)}no earlier key to compare with`]
  if (change.verdict === "unknown") return [`${label(change.status, style.warn)}it did not get as far as a key`]
  if (change.verdict === "again") {
    return [`${label("output", style.warn)}executed again with an equal key, and gave another table`]
  }
  const [inputs, others] = split(change.differences, ({ reason, source }) => reason === "input" && source !== undefined)
  const columns = inputs.map(({ change, column, source }) =>
    `${source}.${column}${change === "changed" ? "" : ` ${change}`}`
  )
  return [
    ...others.map((difference) => `${label(difference.reason, style.warn)}${oneLine(renderDifference(difference))}`),
    ...(columns.length === 0
      ? []
      : [`${label("input", style.warn)}column${columns.length === 1 ? "" : "s"} ${nameList(columns)}`]),
    ...(isPending(change) ? [`${label("upstream", style.warn)}${nameList(change.through)}`] : [])
  ]
}

/** Whether it waits for others, so that what it will read is not known. */
const isPending = ({ differences, through, verdict }: NodeChange): boolean =>
  verdict === "compared" && through.some((name) => !differences.some(({ source }) => source === name))

/** Whether nothing is to be told of it nor of what is above it. */
const isSilent = (change: NodeChange, byName: ReadonlyMap<string, NodeChange>): boolean =>
  change.verdict === "compared" && change.differences.length === 0
  && change.through.every((name) => {
    const upstream = byName.get(name)
    return upstream === undefined || isSilent(upstream, byName)
  })

const label = (text: string, tone: (text: string) => string) => tone(text.padEnd(labelWidth))

const split = (
  differences: ReadonlyArray<NamedDifference>,
  first: (difference: NamedDifference) => boolean
): readonly [ReadonlyArray<NamedDifference>, ReadonlyArray<NamedDifference>] => [
  differences.filter(first),
  differences.filter((difference) => !first(difference))
]
