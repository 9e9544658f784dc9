/** What an ablation would execute, told by what its nodes depend on. */
import type { Grid } from "../../pipeline/Grid.ts"
import type { Decision } from "../../pipeline/Plan.ts"

/** The nodes that depend on the same axes. */
export interface PlanGroup {
  /** `all variants` share what depends on none. */
  readonly axes: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<string>
  readonly stale: number
  readonly cached: number
}

export interface AblationPlan {
  readonly grid: string
  readonly variants: number
  /** How often each variant is repeated. */
  readonly replicates: number
  /** How many nodes would execute if nothing were shared and nothing stored. */
  readonly alone: number
  readonly nodes: number
  readonly stale: number
  readonly cached: number
  readonly groups: ReadonlyArray<PlanGroup>
}

export const ablationPlan = (grid: Grid, decisions: ReadonlyArray<Decision>): AblationPlan => {
  const axes = grid.axes.map(({ name }) => name)
  // The report itself is no part of what is compared.
  const compared = decisions.filter(({ node }) => node !== "ablation-report")
  const groups = Map.groupBy(compared, ({ node }) => axesOf(node, axes).join(", "))
  const count = (of: ReadonlyArray<Decision>, status: Decision["status"]) =>
    of.filter((decision) => decision.status === status).length
  const taken = new Set(compared.map(({ node }) => node))
  return {
    grid: grid.name,
    variants: new Set(grid.points.map(({ variant }) => variant)).size,
    replicates: new Set(grid.points.map(({ replicate }) => replicate)).size,
    alone: grid.points.reduce(
      (sum, { nodes }) => sum + [...nodes.values()].filter((name) => taken.has(name)).length,
      0
    ),
    nodes: compared.length,
    stale: count(compared, "stale"),
    cached: count(compared, "cached"),
    groups: [...groups].map(([, of]) => ({
      axes: axesOf(of[0]?.node ?? "", axes),
      nodes: of.map(({ node }) => node),
      stale: count(of, "stale"),
      cached: count(of, "cached")
    })).toSorted((a, b) => a.axes.length - b.axes.length)
  }
}

/** `lambda=0.5,seed=1/round-1/rank` depends on lambda and seed. */
const axesOf = (node: string, axes: ReadonlyArray<string>): ReadonlyArray<string> => {
  const levels = node.includes("=") ? node.slice(0, node.indexOf("/")).split(",") : []
  return axes.filter((axis) => levels.some((level) => level.startsWith(`${axis}=`)))
}
