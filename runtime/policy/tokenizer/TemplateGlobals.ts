/** What transformers lets every chat template use. */
import { strftime, TEMPLATE_DATE } from "./TemplateDate.ts"

/** Python's range. */
const range = (first: number, second?: number, step = 1): ReadonlyArray<number> => {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (step === 0) throw new Error("range() with a step of 0")
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, index) => start + index * step)
}

export const templateGlobals: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception: (message: unknown) => {
    throw new Error(String(message))
  },
  strftime_now: (format: string) => strftime(TEMPLATE_DATE, format),
  // Python's None: defined, and nothing.
  tools: null,
  documents: null
}
