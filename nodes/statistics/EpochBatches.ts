import { chunksOf } from "effect/Array"
import { seededRandom, shuffled } from "./Random.ts"

/** The items in batches of `size`, the last of an epoch perhaps smaller, in an order of its own in each epoch. */
export const epochBatches = <A>(
  items: ReadonlyArray<A>,
  size: number,
  { epochs, seed }: { readonly epochs: number; readonly seed: number }
): ReadonlyArray<ReadonlyArray<A>> => {
  const random = seededRandom(seed)
  return Array.from({ length: epochs }, () => shuffled(items, random)).flatMap((order) => chunksOf(order, size))
}
