import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mappedProgress } from "../../../runtime/execution/MappedProgress.ts"
import type { Progress } from "../../../runtime/pipeline/Node.ts"

describe("mappedProgress", () => {
  it.effect("adds up the partitions, and takes the others to need as much per row", () =>
    Effect.gen(function*() {
      const reports: Array<Progress> = []
      const progress = mappedProgress(() => 100, (report) => Effect.sync(() => reports.push(report)))
      yield* progress.of(0, 10)({ done: 5, total: 20, unit: "tokens" })
      yield* progress.of(1, 10)({ done: 0, total: 40, unit: "tokens" })
      progress.done(0)
      yield* progress.of(1, 10)({ done: 40, total: 40, unit: "tokens" })
      expect(reports).toEqual([
        { done: 5, total: 200, unit: "tokens" },
        { done: 5, total: 300, unit: "tokens" },
        { done: 60, total: 300, unit: "tokens" }
      ])
    }))

  it.effect("says what it knows while the rows are not all there", () =>
    Effect.gen(function*() {
      const reports: Array<Progress> = []
      const progress = mappedProgress(() => undefined, (report) => Effect.sync(() => reports.push(report)))
      yield* progress.of(0, 10)({ done: 5, total: 20, unit: "tokens" })
      expect(reports).toEqual([{ done: 5, total: 20, unit: "tokens" }])
    }))
})
