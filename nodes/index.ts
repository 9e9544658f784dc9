/**
 * `gemflow/nodes`: the nodes of GEM, each in a file of its own. Importing it loads no Arrow, no ONNX and no policy: what is
 * heavy is imported when a node executes.
 */
export { Advantage } from "./Advantage.ts"
export { Checkpoint } from "./Checkpoint.ts"
export { EntropyScore } from "./EntropyScore.ts"
export { EvaluateAnswers } from "./EvaluateAnswers.ts"
export { EvaluatePreferences } from "./EvaluatePreferences.ts"
export { Filter } from "./Filter.ts"
export { PreferencePairs } from "./PreferencePairs.ts"
export { Rank } from "./Rank.ts"
export { ReflectiveSft } from "./ReflectiveSft.ts"
export { Report } from "./Report.ts"
export { Sample } from "./Sample.ts"
export { Split } from "./Split.ts"
export { Update } from "./Update.ts"
