/** The rows, by the names they are asked for. */
import { describeRow, measureRow } from "../Row.ts"
import { round } from "./round.ts"
import { sampling } from "./sampling.ts"
import type { MakeRow, Setting } from "./Setting.ts"
import { lora, training } from "./training.ts"

type Measure = (setting: Setting, repetitions: number) => Promise<string>

const measure = <Check>(make: MakeRow<Check>): Measure => async (setting, repetitions) => {
  const row = await make(setting)
  return describeRow(row.title, row.unit, await measureRow(row, repetitions))
}

export const rows: ReadonlyMap<string, Measure> = new Map([
  ["training-5M", measure(training("5M", 12))],
  ["training-50M", measure(training("50M", 3))],
  ["lora-50M", measure(lora("50M", 3))],
  ["sampling-5M", measure(sampling("5M"))],
  ["sampling-50M", measure(sampling("50M"))],
  ["round-5M", measure(round("5M"))]
])

export const rowNames: ReadonlyArray<string> = [...rows.keys()]
