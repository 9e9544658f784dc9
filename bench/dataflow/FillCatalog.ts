/**
 * Makes a catalog old: to the one run that a store has, as many earlier ones as asked, each of which had other values in four
 * nodes, so that these and what is below them were executed, and all others found cached.
 */
import { createHash } from "node:crypto"
import { join } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { rowChecksum } from "../../runtime/lineage/RowChecksum.ts"

/** Nodes that a run changed. */
const changedNodes = 4

/** Milliseconds between two runs. */
const period = 60_000

type Row = Readonly<Record<string, SQLInputValue>>

export const fillCatalog = (store: string, runs: number): void => {
  const database = new DatabaseSync(join(store, "catalog.sqlite"), { enableForeignKeyConstraints: false })
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    const read = (sql: string): ReadonlyArray<Row> => database.prepare(sql).all().map((row) => ({ ...row }))
    const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>()
    const insert = (table: string, given: Row, how = "INSERT") => {
      const { checksum: _, ...values } = given
      const row: Row = { ...values, checksum: rowChecksum(values) }
      const sql = `${how} INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${
        Object.keys(row).map(() => "?").join(", ")
      })`
      const statement = prepared.get(sql) ?? database.prepare(sql)
      prepared.set(sql, statement)
      statement.run(...Object.values(row))
    }

    const [model] = read("SELECT * FROM runs")
    if (model === undefined) throw new Error(`${store} has no run to begin with`)
    const executions = read("SELECT * FROM executions ORDER BY rowid")
    const inputs = Map.groupBy(read("SELECT * FROM execution_inputs ORDER BY rowid"), ({ node }) => node)
    const actions = new Map(read("SELECT * FROM actions").map((action) => [action["key_digest"], action]))

    for (let age = 1; age < runs; age++) {
      database.exec("BEGIN")
      const run = `20200101-000000-${String(runs - age).padStart(6, "0")}`
      const started_at = Number(model["started_at"]) - age * period
      const outputs = new Map<SQLInputValue, string>()
      const changed = new Set(
        Array.from({ length: changedNodes }, (_, index) => (age * 7919 + index * 271) % executions.length)
      )
      let executed = 0
      for (const [place, execution] of executions.entries()) {
        const node = execution["node"] ?? null
        const reads = inputs.get(node) ?? []
        const other = changed.has(place) || reads.some(({ source }) => outputs.has(source ?? null))
        const key_digest = other ? digest(`${execution["key_digest"]} ${age}`) : execution["key_digest"] ?? null
        const output = other ? digest(`${execution["output"]} ${age}`) : execution["output"] ?? null
        if (other) {
          outputs.set(node, String(output))
          executed++
          const action = actions.get(execution["key_digest"] ?? null)
          if (action !== undefined) insert("actions", { ...action, key_digest, output, run, created_at: started_at })
        }
        const status = other ? "executed" : "cached"
        const reasons = other ? `["config: number ${age} -> ${age + 1}"]` : "[]"
        insert("executions", { ...execution, run, key_digest, output, status, reasons, started_at })
        for (const input of reads) {
          const artifact = outputs.get(input["source"] ?? null) ?? input["artifact"] ?? null
          insert("execution_inputs", { ...input, run, artifact })
          if (other) {
            insert("derivations", { ...without(input, "run"), artifact, output, key_digest }, "INSERT OR IGNORE")
          }
        }
      }
      insert("runs", {
        ...model,
        run,
        started_at,
        finished_at: started_at + 1000,
        executed,
        cached: executions.length - executed
      })
      database.exec("COMMIT")
    }
  } finally {
    database.close()
  }
}

const without = (row: Row, column: string): Row => {
  const { [column]: _, ...others } = row
  return others
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex")
