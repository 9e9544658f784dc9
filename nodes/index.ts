/**
 * `gemflow/nodes`: the nodes of GEM, each in a file of its own. Importing it loads no Arrow, no ONNX and no policy: what is
 * heavy is imported when a node executes.
 */
export { Advantage } from "./Advantage.ts"
export { EntropyScore } from "./EntropyScore.ts"
export { Filter } from "./Filter.ts"
export { PreferencePairs } from "./PreferencePairs.ts"
export { Rank } from "./Rank.ts"
export { Report } from "./Report.ts"
export { Split } from "./Split.ts"
