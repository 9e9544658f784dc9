import * as Column from "../Column.ts"
import * as TableType from "../TableType.ts"

/** Variants of a pipeline compared: a row per variant, label and metric, over the replicates of the variant. */
export const AblationReport = TableType.make("AblationReport", {
  variant: Column.utf8({ doc: "The variant, by its level on each axis: lambda=0.5,rank=bradley-terry." }),
  levels: Column.list(Column.struct({ axis: Column.utf8(), level: Column.utf8() }), {
    doc: "The same, axis by axis."
  }),
  label: Column.utf8({ doc: "The row of the compared table, by its first text column; empty where it has none." }),
  metric: Column.utf8({ doc: "The column of the compared table." }),
  replicates: Column.int32({ doc: "Replicates (seeds) that have a value.", unit: "replicates" }),
  mean: Column.float64({ doc: "Mean over the replicates; of rows with the same label, their mean first." }),
  sd: Column.float64({ doc: "Standard deviation over the replicates; null for one.", nullable: true }),
  low: Column.float64({
    doc: "Lower end of the 95 % interval of the mean (Student's t); null for one.",
    nullable: true
  }),
  high: Column.float64({ doc: "Upper end of the 95 % interval of the mean; null for one.", nullable: true })
})
