/**
 * The package `gemflow`: what a pipeline file and a node file need to say what they compute. Importing it loads no
 * Arrow, no ONNX and nothing that touches the machine.
 */
export * as Column from "../artifacts/Column.ts"
export * as TableType from "../artifacts/TableType.ts"
export { type Axis, type Level, level, type Levels, seeds, vary } from "./pipeline/Axis.ts"
export { type Change, drop, set, swap, type Target } from "./pipeline/Change.ts"
export { Device } from "./pipeline/Device.ts"
export type { Place } from "./onnx/Place.ts"
export { type Grid, grid, type GridOptions, type Point } from "./pipeline/Grid.ts"
export type { Handle, Many } from "./pipeline/Handle.ts"
export { InputDirectory, InputFile } from "./pipeline/InputFile.ts"
export * as Node from "./pipeline/Node.ts"
export { outsideKey } from "./pipeline/OutsideKey.ts"
export { type NodeInstance, type Pipeline, pipeline, reference } from "./pipeline/Pipeline.ts"
export type { PipelineError } from "./pipeline/PipelineError.ts"
export { type Round, rounds, type RoundsOptions } from "./pipeline/Rounds.ts"
export { scope } from "./pipeline/Scope.ts"
export { variant } from "./pipeline/Variant.ts"
export { Workspace } from "./pipeline/Workspace.ts"
