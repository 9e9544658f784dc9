import type { Reason } from "../pipeline/Plan.ts"

/** Reasons as events and `--json` carry them: the names, and `name: detail` lines for people. */
export const renderReasons = (
  reasons: ReadonlyArray<Reason>
): { readonly reasons: ReadonlyArray<string>; readonly details: ReadonlyArray<string> } => ({
  reasons: reasons.map(({ reason }) => reason),
  details: reasons.flatMap(({ details, reason }) =>
    details.length === 0 ? [reason] : details.map((detail) => `${reason}: ${detail}`)
  )
})
