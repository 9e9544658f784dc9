/**
 * An amount of tokens as users of GEM write it: below 1 it is a share of `available` tokens, from 1 on it is a count.
 * At least one token and at most all of them; 0 where none is available.
 */
export const amountOf = (amount: number, available: number, rounding: "ceil" | "floor" = "ceil"): number => {
  if (available === 0) return 0
  // 0.1 * 30 is 3.0000000000000004 in binary: without the slack the ceiling would be 4.
  const wanted = amount < 1 ? amount * available : amount
  const whole = rounding === "ceil" ? Math.ceil(wanted - 1e-9) : Math.floor(wanted + 1e-9)
  return Math.min(available, Math.max(1, whole))
}
