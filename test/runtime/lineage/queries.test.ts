import { describe, expect, it } from "@effect/vitest"
import { DatabaseSync } from "node:sqlite"
import { artifactSql } from "../../../runtime/lineage/ArtifactLineage.ts"
import { migrations } from "../../../runtime/lineage/CatalogSchema.ts"
import { historySql } from "../../../runtime/lineage/History.ts"
import { listSql } from "../../../runtime/lineage/RunList.ts"

const database = new DatabaseSync(":memory:")
migrations.forEach((sql) => database.exec(sql))

/** What SQLite would do, step by step; with rows in no table and no statistics, as in any catalog. */
const planOf = (sql: string): ReadonlyArray<string> =>
  database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => String(detail))

const all = { ...historySql, ...artifactSql, ...listSql }

describe("a question", () => {
  it.each(Object.entries(all))("%s is answered by an index", (name, sql) => {
    const scans = planOf(sql).filter((step) => step.startsWith("SCAN"))
    // Runs are the one table that is walked.
    expect(scans).toEqual(name === "list" ? ["SCAN runs"] : [])
  })

  it("that scans a table is noticed here", () => {
    expect(planOf("SELECT * FROM executions WHERE device = ?")[0]).toContain("SCAN executions")
  })
})
