/** The rows of a table in groups that share a prompt, in order of first appearance; rows keep their order. */
export const byPrompt = <A extends { readonly prompt_id: string }>(
  rows: Iterable<A>
): ReadonlyMap<string, ReadonlyArray<A>> => Map.groupBy(rows, (row) => row.prompt_id)
