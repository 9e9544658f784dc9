/** An ablation as text: what will execute, and how the variants compare. */
import type { AblationReport } from "../../../artifacts/tables/AblationReport.ts"
import type * as TableType from "../../../artifacts/TableType.ts"
import type { Grid } from "../../pipeline/Grid.ts"
import type { AblationPlan } from "../ablate/AblationPlan.ts"
import { count, formatNumber } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { textTable } from "./TextTable.ts"

export type ReportRow = TableType.Row<typeof AblationReport>

/** The axes, the shared prefix, and the counts. */
export const planText = (grid: Grid, plan: AblationPlan, style: Style, width: number): string => {
  const times = plan.replicates > 1 ? ` of ${plan.replicates} replicates each` : ""
  const axes = grid.axes.map(({ levels, name }) => `  ${name}: ${levels.map(({ label }) => label).join(", ")}`)
  const groups = textTable(
    [
      { title: "depends on", align: "left" },
      { title: "nodes", align: "right" },
      { title: "to execute", align: "right" },
      { title: "such as", align: "left" }
    ],
    plan.groups.map(({ axes, nodes, stale }) => [
      axes.length === 0 ? "nothing: shared" : axes.join(", "),
      formatNumber(nodes.length),
      formatNumber(stale),
      some(nodes)
    ]),
    style,
    width
  )
  return [
    `${style.bold(plan.grid)}: ${count(plan.variants, "variant")}${times}`,
    ...axes,
    "",
    groups,
    "",
    `${count(plan.nodes, "node")} in place of ${formatNumber(plan.alone)}; ${formatNumber(plan.stale)} to execute, ${
      formatNumber(plan.cached)
    } cached`
  ].join("\n")
}

/** Names without their levels, each once, as many as tell what the group is. */
const some = (nodes: ReadonlyArray<string>): string => {
  const names = [...new Set(nodes.map((name) => name.includes("=") ? name.slice(name.indexOf("/") + 1) : name))]
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`
}

/** A row per variant and label, a column per metric: the mean, with the half width of its 95 % interval. */
export const comparisonText = (
  rows: ReadonlyArray<ReportRow>,
  metrics: ReadonlyArray<string>,
  style: Style,
  width: number
): string => {
  const [first] = rows
  if (first === undefined) return "No variant has a value to compare."
  const axes = first.levels.map(({ axis }) => axis)
  const labelled = rows.some(({ label }) => label !== "")
  const lines = Map.groupBy(rows, ({ label, variant }) => JSON.stringify([variant, label]))
  return textTable(
    [
      ...axes.map((axis) => ({ title: axis.replaceAll("_", " "), align: "left" as const })),
      ...(labelled ? [{ title: "label", align: "left" as const }] : []),
      ...metrics.map((metric) => ({ title: metric.replaceAll("_", " "), align: "right" as const }))
    ],
    [...lines.values()].map((line) => [
      ...line[0]?.levels.map(({ level }) => level) ?? [],
      ...(labelled ? [line[0]?.label ?? ""] : []),
      ...metrics.map((metric) => cell(line.find((row) => row.metric === metric)))
    ]),
    style,
    width
  )
}

const cell = (row: ReportRow | undefined): string => {
  if (row === undefined) return ""
  if (row.high === null) return formatNumber(row.mean)
  const half = row.high - row.mean
  // As many decimals as the interval bears.
  const decimals = half > 0 && half < 10 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(half)))) : 0
  return half === 0 ? `${formatNumber(row.mean)} ± 0` : `${row.mean.toFixed(decimals)} ± ${half.toFixed(decimals)}`
}
