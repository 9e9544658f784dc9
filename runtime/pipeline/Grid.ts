import { ablationReport } from "./ablation/AblationReport.ts"
import { isFields, requireArgument } from "./Argument.ts"
import { type Axis, type Level, type Levels, toAxis, variesSeeds } from "./Axis.ts"
import type { Change } from "./Change.ts"
import { locate, renderLocation } from "./Location.ts"
import { mergeVariants } from "./MergeVariants.ts"
import { checkName } from "./NodeName.ts"
import { fromInstances, isPipeline, type Pipeline } from "./Pipeline.ts"
import { InvalidGrid } from "./PipelineError.ts"
import { applyChanges } from "./Variant.ts"

const GridTypeId = "~gemflow/pipeline/Grid"

/** One of the pipelines of a grid. */
export interface Point<AxisName extends string = string> {
  /** `lambda=0.5,rank=bradley-terry,seed=1`: a level of each axis, in the order of the axes. */
  readonly name: string
  /** As `name`, without the replicates: what an ablation compares. */
  readonly variant: string
  readonly levels: Readonly<Record<AxisName, string>>
  /** Its level on the axis of replicates. */
  readonly replicate?: string
  /** What `variant(base, …)` takes to make this pipeline alone. */
  readonly changes: ReadonlyArray<Change>
  /** Per instance of the variant alone, the name that it has in the merged pipeline. */
  readonly nodes: ReadonlyMap<string, string>
  /** The result of the variant, by its name in the merged pipeline. */
  readonly result?: string
}

/**
 * The product of several ways to vary a pipeline. Its variants are merged into one pipeline, in which instances that are
 * equal (the same node, config and inputs) exist once.
 */
export interface Grid<AxisName extends string = string> {
  readonly [GridTypeId]: typeof GridTypeId
  readonly name: string
  readonly base: Pipeline
  readonly axes: ReadonlyArray<Axis>
  /** The axis whose levels are repetitions of the same experiment. */
  readonly replicates?: AxisName
  /** In the order of the levels as written, those of the last axis changing fastest. */
  readonly points: ReadonlyArray<Point<AxisName>>
  /**
   * All variants, and a node `ablation-report` that compares their results. What is the same in all of them keeps its name;
   * what depends on some axes has their levels in front: `lambda=0.5/rank`.
   */
  readonly pipeline: Pipeline
}

/** What a grid may say about itself. */
export interface GridOptions<AxisName extends string> {
  /** The name of the merged pipeline; `<base>-grid` when left out. */
  readonly name?: string
  /** The axis over which an ablation takes means and intervals; when left out, the first that varies only seeds. */
  readonly replicates?: AxisName
}

/**
 * Every combination of levels, one of each axis:
 *
 *     grid(gem, {
 *       lambda: vary(EntropyScore, "lambda", [0.1, 0.5, 1]),
 *       rank: [level("trueskill"), set(Rank, { model: "bradley-terry" })],
 *       seed: seeds(3)
 *     })
 *
 * @throws InvalidGrid, and what `variant` throws
 */
export const grid = <const AxisName extends string>(
  base: Pipeline,
  axes: Readonly<Record<AxisName, Levels>>,
  options: GridOptions<NoInfer<AxisName>> = {}
): Grid<AxisName> => {
  const location = locate(grid)
  const place = () => renderLocation(location())
  const how = "grid(base, { axis: [level, …] })"
  requireArgument(isPipeline(base), place, how, "a pipeline first", base)
  requireArgument(isFields(axes), place, how, "an object of axes second", axes)
  return makeGrid(base, axes, options, place)
}

/** As `grid`; `place` says who asked, for errors. */
export const makeGrid = <const AxisName extends string>(
  base: Pipeline,
  axes: Readonly<Record<AxisName, Levels>>,
  { name = `${base.name}-grid`, replicates: chosen }: GridOptions<AxisName>,
  place: () => string
): Grid<AxisName> => {
  const named: Array<{ readonly name: AxisName; readonly axis: Axis }> = []
  for (const axisName in axes) {
    checkName(axisName, place)
    named.push({ name: axisName, axis: toAxis(axisName, axes[axisName], place) })
  }
  if (named.length === 0) throw new InvalidGrid({ place: place(), problem: "a grid has one axis at least." })
  const replicates = chosen ?? named.find(({ axis }) => variesSeeds(axis))?.name
  const steps = product(named.map(({ axis, name }) => ({ name, levels: axis.levels })))
  const variants = variantsOf(base, steps, place)
  const merged = mergeVariants(name, base, named.map(({ axis }) => axis), variants)

  const points = steps.map((step, index): Point<AxisName> => {
    const nodes = merged.names[index] ?? new Map<string, string>()
    const result = nodes.get(variants[index]?.result ?? "")
    const replicate = step.find(({ axis }) => axis === replicates)?.level.label
    return {
      name: pointName(step),
      variant: pointName(step.filter(({ axis }) => axis !== replicates)) || "all",
      levels: levelsOf(step),
      ...(replicate === undefined ? {} : { replicate }),
      changes: step.flatMap(({ level }) => level.changes),
      nodes,
      ...(result === undefined ? {} : { result })
    }
  })
  const unreported: Grid<AxisName> = {
    [GridTypeId]: GridTypeId,
    name,
    base,
    axes: named.map(({ axis }) => axis),
    ...(replicates === undefined ? {} : { replicates }),
    points,
    pipeline: merged.pipeline
  }
  return base.result === undefined ? unreported : { ...unreported, pipeline: reportOn(unreported, base.result) }
}

/**
 * The merged pipeline of a grid, with a report on the tables that an instance (by its name in the base) makes in every
 * variant that has it. Without a report where these tables have no numbers in common.
 */
export const reportOn = (grid: Grid, instance: string): Pipeline => {
  const { name, pipeline, points, replicates } = grid
  const results = points.flatMap((point) => {
    const { levels, variant } = point
    const found = pipeline.byName.get(instanceAt(grid, point, instance) ?? "")
    const compared = Object.entries(levels).flatMap(([axis, level]) => axis === replicates ? [] : [{ axis, level }])
    return found === undefined ? [] : [{ variant, levels: compared, instance: found }]
  })
  const report = ablationReport(results)
  const others = pipeline.nodes.filter(({ node }) => node.name !== "ablation-report")
  return report === undefined ? fromInstances(name, others) : fromInstances(name, [...others, report], report.name)
}

/** The instance of a point that is compared with `instance` of the base: where that is the result, the point's own result. */
export const instanceAt = (grid: Grid, point: Point, instance: string): string | undefined =>
  instance === grid.base.result ? point.result : point.nodes.get(instance)

export const isGrid = (value: unknown): value is Grid =>
  typeof value === "object" && value !== null && GridTypeId in value

/** A level chosen on an axis. */
interface Step<AxisName extends string> {
  readonly axis: AxisName
  readonly level: Level
}

const product = <AxisName extends string>(
  axes: ReadonlyArray<{ readonly name: AxisName; readonly levels: ReadonlyArray<Level> }>
): ReadonlyArray<ReadonlyArray<Step<AxisName>>> =>
  axes.reduce<ReadonlyArray<ReadonlyArray<Step<AxisName>>>>(
    (points, { levels, name }) => points.flatMap((point) => levels.map((level) => [...point, { axis: name, level }])),
    [[]]
  )

const pointName = (steps: ReadonlyArray<Step<string>>): string =>
  steps.map(({ axis, level }) => `${axis}=${level.label}`).join(",")

// Filled from exactly one step per axis.
const levelsOf = <AxisName extends string>(steps: ReadonlyArray<Step<AxisName>>): Readonly<Record<AxisName, string>> =>
  Object.fromEntries(steps.map(({ axis, level }) => [axis, level.label])) as Record<AxisName, string>

/** The pipelines of the points. Those that begin with the same levels are made from one another, to share instances. */
const variantsOf = (
  base: Pipeline,
  points: ReadonlyArray<ReadonlyArray<Step<string>>>,
  place: () => string
): ReadonlyArray<Pipeline> => {
  const made = new Map<string, Pipeline>([["", base]])
  return points.map((steps) => {
    let pipeline = base
    for (let length = 1; length <= steps.length; length++) {
      const name = pointName(steps.slice(0, length))
      const changes = steps[length - 1]?.level.changes ?? []
      const before = pipeline
      pipeline = made.get(name) ?? applyChanges(before, base.name, changes, () => `${place()}: ${name}`)
      made.set(name, pipeline)
    }
    return pipeline
  })
}
