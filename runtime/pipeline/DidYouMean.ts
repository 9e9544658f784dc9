/** The known name closest to a mistyped one, or nothing when none is close: for "did you mean …?" in errors. */
export const didYouMean = (typed: string, known: Iterable<string>): string | undefined => {
  let best: string | undefined
  // Up to a third of the letters may differ; "rank" is no typo of "sample".
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const name of known) {
    if (Math.abs(name.length - typed.length) >= bestDistance) continue
    const distance = editDistance(typed.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** The known names that are most like a mistyped one, at most `count`, in the order in which they are known. */
export const nearest = (typed: string, known: Iterable<string>, count: number): ReadonlyArray<string> => {
  const names = [...known]
  if (names.length <= count) return names
  const distances = new Map(names.map((name) => [name, unlikeness(typed.toLowerCase(), name.toLowerCase())]))
  const sorted = names.toSorted((a, b) => (distances.get(a) ?? 0) - (distances.get(b) ?? 0))
  const closest = new Set(sorted.slice(0, count))
  return names.filter((name) => closest.has(name))
}

// A part of a name is a likely way to mean it, whatever else the name says.
const unlikeness = (typed: string, name: string): number =>
  name.includes(typed) || typed.includes(name) ? 0 : editDistance(typed, name) / Math.max(typed.length, name.length)

/** The fewest insertions, deletions, substitutions and swaps of neighbouring letters that turn one into the other. */
const editDistance = (from: string, to: string): number => {
  let beforeRow: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const substitution = at(row, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const swap = isSwap ? at(beforeRow, j - 2) + 1 : Infinity
      next.push(Math.min(substitution, swap, at(row, j) + 1, at(next, j - 1) + 1))
    }
    beforeRow = row
    row = next
  }
  return at(row, to.length)
}

const at = (row: ReadonlyArray<number>, index: number): number => row[index] ?? Infinity
