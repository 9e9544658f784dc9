/** What came of executing stored results again, as a person reads it. */
import { jsonValue } from "../../../artifacts/JsonValue.ts"
import type { ColumnDrift } from "../../../artifacts/TableDrift.ts"
import type { SampleReport, Verdict } from "../../execution/VerifySample.ts"
import { count, formatNumber } from "./Numbers.ts"
import type { Style } from "./Style.ts"
import { oneLine, textTable } from "./TextTable.ts"

export const renderSample = (
  { results, stale, verdicts }: SampleReport,
  seed: number,
  file: string,
  style: Style,
  width: number
): string => {
  const equal = verdicts.filter(({ outcome }) => outcome === "equal").length
  const lines = verdicts.length === 0 ? [] : [
    textTable(
      [
        { title: "node", align: "left" },
        { title: "declared", align: "left" },
        { title: "executed again", align: "left" }
      ],
      verdicts.flatMap((verdict) => rowsOf(verdict)),
      style,
      width
    ),
    ""
  ]
  lines.push(
    `${count(verdicts.length, "result")} of ${formatNumber(results)} executed again: ${equal} equal, `
      + `${verdicts.length - equal} not. Nothing stored was changed. Same sample: --seed ${seed}`
  )
  if (stale.length > 0) {
    lines.push(`Not up to date, and so left out: ${stale.join(", ")}. Run them with: gemflow run ${file}`)
  }
  return lines.join("\n")
}

const rowsOf = (verdict: Verdict): ReadonlyArray<ReadonlyArray<string>> => {
  const { determinism, node, position } = verdict
  const name = position === undefined ? node : `${node} (partition ${position})`
  const [first = "", ...more] = findings(verdict)
  return [[name, determinism, first], ...more.map((text) => ["", "", text])]
}

const findings = ({ determinism, drift, isAllowed, message, numerics, outcome }: Verdict): ReadonlyArray<string> => {
  if (outcome === "failed") return [`failed: ${oneLine(message ?? "")}`]
  if (outcome === "equal" || drift === undefined) return ["equal"]
  const allowed = !isAllowed
    ? "differs"
    : determinism === "sampled"
    ? "differs, as it draws anew each time"
    : `differs, as the numerics are others: ${numerics.join(", ")}`
  const { columns, rowsAfter, rowsBefore } = drift
  const rows = rowsBefore === rowsAfter ? [] : [`${count(rowsBefore, "row")} before, ${formatNumber(rowsAfter)} now`]
  return [allowed, ...rows, ...columns.map((column) => columnText(column, Math.min(rowsBefore, rowsAfter)))]
}

const columnText = (drift: ColumnDrift, rows: number): string => {
  const { after, before, column, firstRow, maxAbsolute, meanAbsolute, path, rowsChanged } = drift
  const size = maxAbsolute === undefined || meanAbsolute === undefined
    ? ""
    : `, by at most ${formatNumber(maxAbsolute)}, ${formatNumber(meanAbsolute)} on average`
  return `${column}: ${formatNumber(rowsChanged)} of ${count(rows, "row")}${size}; row ${firstRow}${path}: `
    + `${shown(before)} -> ${shown(after)}`
}

const shown = (value: unknown): string => {
  const text = oneLine(JSON.stringify(jsonValue(value)) ?? "")
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
