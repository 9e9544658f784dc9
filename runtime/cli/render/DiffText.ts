/** What differs between two runs or tables, for people. */
import { jsonValue } from "../../../artifacts/JsonValue.ts"
import type { NodeDiff } from "../../lineage/Diff.ts"
import type { Metric, RowDiff, TableDiff } from "../../lineage/TableDiff.ts"
import { renderDifference } from "../../pipeline/Difference.ts"
import type { DiffAnswer, RunsAnswer, TablesAnswer } from "../DiffAnswer.ts"
import { count, formatNumber, shortDigest } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine, textTable, truncate } from "./TextTable.ts"
import { nameList } from "./WhyText.ts"

/** A value of a changed row is cut to it. */
const widestValue = 40

/** Columns of a changed row that are named with their values. */
const mostColumns = 6

/** Differences of a key that are named one by one. */
const mostDifferences = 8

export const diffText = (answer: DiffAnswer, style: Style, width: number): string =>
  (answer.kind === "runs" ? runLines(answer, style, width) : tableLines(answer, style, width)).join("\n")

const runLines = (answer: RunsAnswer, style: Style, width: number): ReadonlyArray<string> => {
  const { after, before, nodes, same } = answer
  const title = ({ pipeline, run, settings, status }: RunsAnswer["before"]) =>
    oneLine(`${run}  ${pipeline}, ${status}${settings.map((setting) => ` --set ${setting}`).join("")}`)
  return [
    style.bad(`- ${title(before)}`),
    style.good(`+ ${title(after)}`),
    "",
    ...nodes.flatMap((node) => nodeLines(node, style)),
    style.dim(`${count(same, "node")} with the same key and table`),
    ...nodes.flatMap(({ isRead, node, table }) =>
      isRead || table === undefined || table.metrics.length === 0
        ? []
        : ["", style.bold(node), metricTable(table.metrics, style, width)]
    )
  ]
}

const nodeLines = (node: NodeDiff, style: Style): ReadonlyArray<string> => {
  const { change, output, status, table } = node
  const name = style.bold(node.node)
  if (change === "added") return [`${style.good("+")} ${name}  only in the later run (${status.after})`, ""]
  if (change === "removed") return [`${style.bad("-")} ${name}  only in the earlier run (${status.before})`, ""]
  const verdict = table !== undefined
    ? `${shortDigest(output.before ?? "")} -> ${shortDigest(output.after ?? "")}`
    : output.before !== undefined && output.before === output.after
    ? "the same table"
    : `${status.before} -> ${status.after}`
  return [
    `${style.warn("~")} ${name}  ${style.dim(verdict)}`,
    ...(change === "again" ? ["    executed again with an equal key, and gave another table"] : []),
    ...keyLines(node.differences, style),
    ...(table === undefined ? [] : diffLines(table, style)),
    ""
  ]
}

const tableLines = (answer: TablesAnswer, style: Style, width: number): ReadonlyArray<string> => {
  const { after, before, differences, table } = answer
  const title = ({ digest, node, run }: TablesAnswer["before"]) =>
    node === undefined ? digest : `${digest.slice(0, 12)}  ${node} in run ${run}`
  return [
    style.bad(`- ${title(before)}`),
    style.good(`+ ${title(after)}`),
    ...keyLines(differences, style),
    ...(table === undefined ? ["    the same table"] : diffLines(table, style)),
    ...(table === undefined || table.metrics.length === 0 ? [] : ["", metricTable(table.metrics, style, width)])
  ]
}

const keyLines = (differences: NodeDiff["differences"], style: Style): ReadonlyArray<string> => {
  const columns = differences.flatMap(({ change, column, source }) =>
    column === undefined ? [] : [`${source}.${column}${change === "changed" ? "" : ` ${change}`}`]
  )
  const others = differences.filter(({ column }) => column === undefined)
  return [
    ...others.slice(0, mostDifferences).map((difference) =>
      `    ${style.warn(difference.reason)} ${oneLine(renderDifference(difference))}`
    ),
    ...(others.length > mostDifferences
      ? [style.dim(`    … and ${count(others.length - mostDifferences, "more difference")} of their keys`)]
      : []),
    ...(columns.length > 0
      ? [`    ${style.warn("input")} column${columns.length === 1 ? "" : "s"} ${nameList(columns)}`]
      : [])
  ]
}

const diffLines = (diff: TableDiff, style: Style): ReadonlyArray<string> => {
  const { addedColumns, changedColumns, changedIn, matchedBy, removedColumns, rows, sameColumns } = diff
  const by = matchedBy.length === 0 ? "by position" : `by ${matchedBy.join(", ")}`
  const counts = [
    ...(diff.added > 0 ? [style.good(`${formatNumber(diff.added)} added`)] : []),
    ...(diff.removed > 0 ? [style.bad(`${formatNumber(diff.removed)} removed`)] : []),
    ...(diff.changed > 0 ? [style.warn(`${formatNumber(diff.changed)} changed`)] : []),
    `${formatNumber(diff.same)} same`
  ]
  const size = rows.before === rows.after
    ? count(rows.after, "row")
    : `${formatNumber(rows.before)} -> ${count(rows.after, "row")}`
  const columns = [
    ...(addedColumns.length > 0 ? [`${nameList(addedColumns)} added`] : []),
    ...(removedColumns.length > 0 ? [`${nameList(removedColumns)} removed`] : []),
    ...(changedColumns.length > 0
      ? [`${nameList(changedColumns.map((name) => changedName(name, changedIn)))} changed`]
      : []),
    ...(sameColumns.length > 0 ? [`${formatNumber(sameColumns.length)} same`] : [])
  ]
  return [
    `    columns: ${columns.join("; ")}`,
    `    ${size}, matched ${by}: ${counts.join(", ")}`,
    ...diff.examples.map((row) => `      ${rowLine(row, style)}`),
    ...hiddenRows(diff, style)
  ]
}

const changedName = (name: string, changedIn: TableDiff["changedIn"]): string =>
  changedIn[name] === undefined ? name : `${name} (${formatNumber(changedIn[name])})`

const hiddenRows = (diff: TableDiff, style: Style): ReadonlyArray<string> => {
  const hidden = diff.added + diff.removed + diff.changed - diff.examples.length
  return hidden > 0 ? [style.dim(`      … and ${count(hidden, "more row")} (--rows)`)] : []
}

const rowLine = ({ change, row, values }: RowDiff, style: Style): string => {
  const name = oneLine(truncate(row, 2 * widestValue))
  if (change === "added") return style.good(`+ ${name}`)
  if (change === "removed") return style.bad(`- ${name}`)
  const entries = Object.entries(values)
  const shown = entries.slice(0, mostColumns).map(([column, { after, before }]) =>
    `${style.dim(column)} ${value(before)} -> ${value(after)}`
  )
  const more = entries.length > mostColumns ? [`${entries.length - mostColumns} more`] : []
  return `${style.warn("~")} ${name}: ${[...shown, ...more].join(", ")}`
}

const value = (given: unknown): string => {
  if (typeof given === "number") return formatNumber(given)
  const text = typeof given === "string" ? given : JSON.stringify(jsonValue(given)) ?? "null"
  return oneLine(truncate(text, widestValue))
}

/** Numbers of two tables of results side by side; those that are equal are left out. */
const metricTable = (metrics: ReadonlyArray<Metric>, style: Style, width: number): string => {
  const differing = metrics.filter(({ after, before }) => !Object.is(before, after))
  const number = (given: number | null) => given === null ? "null" : formatNumber(given)
  const hidden = metrics.length - differing.length
  const text = textTable(
    [
      { title: "row", align: "left" },
      { title: "number", align: "left" },
      { title: "before", align: "right" },
      { title: "after", align: "right" },
      { title: "difference", align: "right" }
    ],
    differing.map(({ after, before, column, difference, row }) => [
      oneLine(row),
      column,
      number(before),
      number(after),
      difference === null ? "" : `${difference > 0 ? "+" : ""}${formatNumber(difference)}`
    ]),
    style,
    width
  )
  if (differing.length === 0) return style.dim(`all ${count(hidden, "number")} the same`)
  return hidden > 0 ? `${text}\n${style.dim(`${count(hidden, "number")} the same`)}` : text
}
