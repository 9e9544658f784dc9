/** The first row of each prompt, in order of appearance. */
export const distinctPrompts = <A extends { readonly prompt_id: string }>(rows: ReadonlyArray<A>): ReadonlyArray<A> => {
  const first = new Map<string, A>()
  for (const row of rows) {
    if (!first.has(row.prompt_id)) first.set(row.prompt_id, row)
  }
  return [...first.values()]
}
