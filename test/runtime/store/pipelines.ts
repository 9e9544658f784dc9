/** Small pipelines whose stores are cleaned up, checked and merged. */
import { pipeline } from "gemflow"
import { Numbers as NumbersNode } from "../../fixtures/pipelines/numbers/nodes/Numbers.ts"
import { Scale } from "../../fixtures/pipelines/numbers/nodes/Scale.ts"

/** The numbers up to `numbers.count`, doubled. */
export const doubled = (name = "doubled") =>
  pipeline(name, () => Scale({ factor: 2 }, { numbers: NumbersNode({ count: 3 }) }))
