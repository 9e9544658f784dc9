/**
 * `gemflow/artifacts`: what flows through a pipeline. Importing it loads no Arrow; the modules that do (Table.ts,
 * Digest.ts) are loaded when a table is first read or written.
 */
export { type ArtifactRef, ArtifactStore } from "./ArtifactStore.ts"
export { canonicalJson, digestJson, type Json, NotCanonical } from "./CanonicalJson.ts"
export * as Column from "./Column.ts"
export { AblationReport } from "./tables/AblationReport.ts"
export { Advantages } from "./tables/Advantages.ts"
export { AnswerEvaluation } from "./tables/AnswerEvaluation.ts"
export { Candidates } from "./tables/Candidates.ts"
export { EntropyScores } from "./tables/EntropyScores.ts"
export { Policy } from "./tables/Policy.ts"
export { PreferenceEvaluation } from "./tables/PreferenceEvaluation.ts"
export { PreferencePairs } from "./tables/PreferencePairs.ts"
export { Ranking } from "./tables/Ranking.ts"
export { Report } from "./tables/Report.ts"
export * as Safetensors from "./Safetensors.ts"
export { ArtifactAbsent, StoreError } from "./StoreError.ts"
export type { Table } from "./Table.ts"
export { TableMismatch } from "./TableMismatch.ts"
export * as TableType from "./TableType.ts"
export type { Row } from "./TableType.ts"
