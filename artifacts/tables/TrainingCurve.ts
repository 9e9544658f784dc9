import * as Column from "../Column.ts"
import * as Shared from "../SharedColumns.ts"
import * as TableType from "../TableType.ts"

/** The curves of a training, a row per step and metric: what plots are made of. */
export const TrainingCurve = TableType.make("TrainingCurve", {
  policy: Shared.policyLabel,
  policy_id: Column.utf8({ doc: "Stable id of the policy that the step's training made." }),
  step: Column.int32({ doc: "Optimiser steps taken, over all trainings of the curve.", unit: "steps" }),
  metric: Column.utf8({ doc: "What is measured, by TRL's name where it has one; eval_ ones are of held-out data." }),
  value: Column.float64({ doc: "Its value there." })
})
