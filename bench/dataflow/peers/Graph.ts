/**
 * The graph on which all are measured: layers of 100 nodes, of which each reads two of the layer before. Nodes are numbered,
 * each after those it reads.
 */
const layer = 100

/** The numbers of the nodes that node `number` reads. */
export const readBy = (number: number): ReadonlyArray<number> =>
  number < layer ? [] : number % layer === 0 ? [number - layer] : [number - layer, number - layer - 1]

export const numbers = (nodes: number): ReadonlyArray<number> => Array.from({ length: nodes }, (_, number) => number)

/** The nodes that no other reads. */
export const last = (nodes: number): ReadonlyArray<number> => numbers(nodes).slice(-layer)
