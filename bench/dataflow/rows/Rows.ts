/** The rows of the table, by name. */
import type { Setting } from "../Contest.ts"
import { executed } from "./Executed.ts"
import { gem } from "./Gem.ts"
import { noOp } from "./NoOp.ts"
import { program } from "./Program.ts"

export type Row = (setting: Setting) => AsyncGenerator<string>

export const rows: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["no-op-1000", noOp(1_000)],
  ["no-op-10000", noOp(10_000)],
  ["no-op-gem", gem],
  ["executed", executed],
  ["store", program("store.ts")],
  ["catalog", program("catalog.ts")]
])

export const rowNames: ReadonlyArray<string> = [...rows.keys()]
