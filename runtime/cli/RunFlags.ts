/** The options that `gemflow run` has beside those of `gemflow plan`, and what they come to. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { totalmem } from "node:os"
import type { Amounts } from "../execution/Resources.ts"
import { parseAmount } from "../pipeline/Demands.ts"

/** What --resource or --memory says cannot be read. */
export class MalformedAmount extends Schema.TaggedError<MalformedAmount>()("MalformedAmount", {
  option: Schema.String,
  found: Schema.String,
  expected: Schema.String
}) {
  override get message(): string {
    return `${this.option} ${this.found}: expected ${this.expected}.`
  }
}

const wholeNumber = (least: number) =>
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(least, { expected: `a whole number of at least ${least}` }))

export const runFlags = {
  memory: Flag.String("memory").pipe(
    Flag.withMetavar("BYTES"),
    Flag.withDescription("How much memory nodes that say what they need may take together, e.g. 16GiB (default: all)"),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  resource: Flag.String("resource").pipe(
    Flag.withMetavar("NAME=AMOUNT"),
    Flag.withDescription("How much nodes may take of a resource together, e.g. api=2; may be repeated"),
    Flag.atLeast(0)
  ),
  retries: Flag.Int("retries").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("How often each node is tried again when it fails, in the place of what the nodes say"),
    Flag.withSchema(wholeNumber(0)),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  ),
  keepGoing: Flag.Boolean("keep-going").pipe(
    Flag.withDescription(
      "Whether to run what does not depend on a failed node (default); --no-keep-going starts no more"
    ),
    Flag.withDefault(true)
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Show what would be executed, as gemflow plan does, and execute nothing"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** The memory of the machine, or of the container where that has less. */
const allMemory = (): number => {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** The limits of the resources of a run. Memory always has one; other resources have one when it is given. */
export const resourceLimits = Effect.fnUntraced(function*(
  { memory, resource }: { readonly memory: string | undefined; readonly resource: ReadonlyArray<string> }
) {
  const limits: Record<string, number> = { memory: allMemory() }
  const bytes = memory === undefined ? undefined : parseAmount(memory)
  if (memory !== undefined && bytes === undefined) {
    return yield* new MalformedAmount({ option: "--memory", found: memory, expected: "bytes, e.g. --memory 16GiB" })
  }
  if (bytes !== undefined) limits["memory"] = bytes
  for (const given of resource) {
    const [, name = "", amount = ""] = /^([A-Za-z][\w-]*)=(.+)$/.exec(given) ?? []
    const parsed = parseAmount(amount)
    if (parsed === undefined || name === "jobs") {
      return yield* new MalformedAmount({
        option: "--resource",
        found: given,
        expected: name === "jobs" ? "another name; say --jobs N" : "a name and an amount, e.g. --resource api=2"
      })
    }
    limits[name] = parsed
  }
  return limits satisfies Amounts
})
