/**
 * Runs that repeat an earlier one, row for row. A run in which nothing was stale is noted as such when it starts fast
 * (runtime/start): its row in `runs`, and here whose rows it has. They are written out by whoever opens the catalog next to
 * ask it something, so that no question need know of repetitions. Loads no effect.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { checksumColumn, rowChecksum } from "./RowChecksum.ts"

/** What the executor writes of a node that it finds cached, beside names, key and output. */
const cachedExecution = { status: "cached", reasons: "[]", device: null, duration_ms: 0, error: null }

/** More rows than this are not put off: writing them out should stay a matter of a second or two. */
const mostPutOff = 50_000

/** Notes in a transaction that a run, whose row is there, has the rows of another. */
export const noteRepeatedRun = (database: DatabaseSync, run: string, model: string): void => {
  database.prepare("INSERT INTO repetitions (run, model) VALUES (?, ?)").run(run, model)
  const { rows } = { ...database.prepare("SELECT sum(cached) AS rows FROM repetitions JOIN runs USING (run)").get() }
  if (Number(rows) > mostPutOff) writeOutRepetitions(database)
}

/** Whether rows of repeated runs wait to be written out. */
export const hasRepetitions = (database: DatabaseSync): boolean =>
  database.prepare("SELECT 1 FROM repetitions LIMIT 1").get() !== undefined

/** Writes out, in a transaction, the rows of the runs that were noted as repetitions. */
export const writeOutRepetitions = (database: DatabaseSync): void => {
  const repetitions = database.prepare(
    "SELECT run, model, started_at FROM repetitions JOIN runs USING (run) ORDER BY repetitions.rowid"
  ).all()
  for (const { model = null, run = null, started_at = null } of repetitions) {
    copyRows(database, "execution_inputs", model, { run })
    copyRows(database, "executions", model, { ...cachedExecution, run, started_at })
  }
  database.exec("DELETE FROM repetitions")
}

type Values = Readonly<Record<string, SQLInputValue>>

/**
 * Copies the rows of a run with other values in some columns. A checksum is the exclusive or of what each column gives to
 * it, so that of a copy follows from the row's own, and a row that the disk altered stays one that does not fit.
 */
const copyRows = (database: DatabaseSync, table: string, model: SQLInputValue, values: Values) => {
  const changed = Object.keys(values)
  const after = rowChecksum(values)
  const changes = new Map<string, number>()
  database.function("checksum_of_copy", { varargs: true }, (checksum, ...before) => {
    if (checksum === null) return null
    const text = before.join("\n")
    const change = changes.get(text)
      ?? after ^ rowChecksum(Object.fromEntries(before.map((value, index) => [changed[index], value])))
    changes.set(text, change)
    return (Number(checksum) ^ change) >>> 0
  })
  const columns = database.prepare("SELECT name FROM pragma_table_info(?)").all(table).map(({ name }) => String(name))
  const copies = columns.map((column) =>
    column === checksumColumn
      ? `checksum_of_copy(${[checksumColumn, ...changed].join(", ")})`
      : column in values
      ? `:${column}`
      : column
  )
  database.prepare(
    `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${
      copies.join(", ")
    } FROM ${table} WHERE run = :model ORDER BY rowid`
  ).run({ model, ...values })
}
