/**
 * Where the rows of a mapped node's input are cut into partitions. The cut is by content: whether a partition ends after a
 * group depends on that group's key and on how many groups the partition has, so that after rows are inserted, appended or
 * removed the cuts soon fall where they fell before, and the partitions that are equal are not computed again.
 */

/**
 * Takes the keys of the groups one after the other and tells of each whether a partition ends after it. No partition but the
 * last has fewer than half of `groups`, and none more than twice as many.
 */
export const partitionCut = (groups: number): (key: string) => boolean => {
  const least = Math.max(1, Math.floor(groups / 2))
  const most = Math.max(1, 2 * groups)
  // From the least number on each group ends the partition with the probability that makes the average `groups`.
  const odds = groups - least + 1
  let length = 0
  return (key) => {
    length++
    const ends = length >= most || (length >= least && hash(key) % odds === 0)
    if (ends) length = 0
    return ends
  }
}

/** 32 bits that look random: FNV-1a over the UTF-16 units, mixed as in MurmurHash3. It decides no identity. */
const hash = (text: string): number => {
  let bits = 0x811c9dc5
  for (let index = 0; index < text.length; index++) bits = Math.imul(bits ^ text.charCodeAt(index), 0x01000193)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
