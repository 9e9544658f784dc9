/** What a node demands of a run, checked before anything runs. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Demands, parseAmount } from "../pipeline/Demands.ts"
import type { AttemptPolicy } from "./Attempts.ts"
import type { Amounts } from "./Resources.ts"

/** An option of a node says nothing that could be done. */
export class InvalidNodeOption extends Schema.TaggedError<InvalidNodeOption>()("InvalidNodeOption", {
  node: Schema.String,
  option: Schema.String,
  found: Schema.String,
  expected: Schema.String
}) {
  override get message(): string {
    return `${this.node}: its option ${this.option} is ${this.found}; give ${this.expected}.`
  }
}

export interface NodePolicy {
  readonly attempts: AttemptPolicy
  readonly resources: Amounts
}

/** @param retries in the place of the node's own number of retries */
export const nodePolicy = (
  node: string,
  { resources, retry, timeout }: Demands,
  retries?: number
): Result.Result<NodePolicy, InvalidNodeOption> => {
  const invalid = (option: string, found: unknown, expected: string) =>
    Result.fail(new InvalidNodeOption({ node, option, found: JSON.stringify(found) ?? String(found), expected }))
  const times = retries ?? retry?.times ?? 0
  if (!Number.isSafeInteger(times) || times < 0) return invalid("retry.times", times, "a whole number of at least 0")
  const delay = Duration.fromInput(retry?.delay ?? "1 second")
  if (Option.isNone(delay)) return invalid("retry.delay", retry?.delay, `a duration, e.g. "2 seconds"`)
  const limit = timeout === undefined ? undefined : Duration.fromInput(timeout)
  if (limit !== undefined && (Option.isNone(limit) || Duration.toMillis(limit.value) <= 0)) {
    return invalid("timeout", timeout, `a duration, e.g. "10 minutes"`)
  }
  const amounts: Record<string, number> = {}
  for (const [name, amount] of Object.entries(resources)) {
    const parsed = parseAmount(amount)
    if (parsed === undefined) return invalid(`resources.${name}`, amount, `a number, or bytes such as "4 GiB"`)
    if (parsed > 0) amounts[name] = parsed
  }
  return Result.succeed({
    attempts: { retries: times, delay: delay.value, timeout: limit?.value },
    resources: amounts
  })
}
