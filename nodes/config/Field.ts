/**
 * Config fields of the nodes here: a schema with its documentation and its default in one line, and the kinds of number
 * that several nodes take.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A field that may be left out, with the value it then has. */
export const optional = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })

/** A field that must be given. */
export const documented = <S extends Schema.Top>(schema: S, description: string): S["Rebuild"] =>
  schema.annotate({ description })

/** An integer of at least 1. */
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "an integer of at least 1" }))

/** An integer of at least 0. */
export const Natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "an integer of at least 0" }))

/** A seed of random numbers: an unsigned 32-bit integer. */
export const Seed = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 }, { expected: "an integer from 0 to 4294967295" })
)

/** A finite number above 0. */
export const Positive = Schema.Finite.check(Schema.isGreaterThan(0, { expected: "a number above 0" }))

/** A finite number of at least 0. */
export const NonNegative = Schema.Finite.check(
  Schema.isGreaterThanOrEqualTo(0, { expected: "a number of at least 0" })
)

/** A share strictly between 0 and 1. */
export const OpenShare = Schema.Finite.check(
  Schema.isBetween(
    { minimum: 0, maximum: 1, exclusiveMinimum: true, exclusiveMaximum: true },
    { expected: "a number above 0 and below 1" }
  )
)

/** A probability of at least 0 and below 1. */
export const ProbabilityBelowOne = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }, { expected: "a number from 0 to below 1" })
)

/** A share above 0 and at most 1. */
export const Share = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMinimum: true }, { expected: "a number above 0, at most 1" })
)

/** An amount of tokens: below 1 a share of those there are, from 1 on a count, which is then an integer. */
export const Amount = Schema.Finite.check(
  Schema.makeFilter(
    (amount: number) => amount > 0 && (amount < 1 || Number.isInteger(amount)),
    { expected: "a share above 0 and below 1, or an integer count of at least 1" }
  )
)
