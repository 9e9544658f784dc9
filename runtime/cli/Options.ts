/** Arguments and flags that several commands share. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { availableParallelism } from "node:os"
import { DeviceName } from "../execution/Devices.ts"

export const file = Argument.String("file").pipe(Argument.withDescription("The pipeline file, e.g. pipelines/gem.ts"))

export const node = Argument.String("node").pipe(
  Argument.withDescription("A node of the pipeline; of several that share a name, the last")
)

export const set = Flag.String("set").pipe(
  Flag.withMetavar("NODE.FIELD=VALUE"),
  Flag.withDescription("Set a config field, e.g. entropy-score.lambda=0.5; may be repeated"),
  Flag.atLeast(0)
)

export const select = Flag.String("select").pipe(
  Flag.withMetavar("NODE[+]"),
  Flag.withDescription("Only this node and what it needs, with + also what depends on it; may be repeated"),
  Flag.atLeast(0)
)

export const force = Flag.String("force").pipe(
  Flag.withMetavar("NODE"),
  Flag.withDescription("Execute this node whatever is stored; may be repeated"),
  Flag.atLeast(0)
)

export const store = Flag.String("store").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription("Where results are kept; by default .gemflow beside the pipeline's package.json"),
  Flag.withSchema(Schema.String.check(Schema.isNonEmpty({ expected: "the path of a folder" }))),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const device = Flag.String("device").pipe(
  Flag.withMetavar("DEVICE"),
  Flag.withDescription(
    "A device for model work: cpu, cuda:0, webgpu; may be repeated, cpu for several workers (default: cpu)"
  ),
  Flag.withSchema(DeviceName),
  Flag.atLeast(0)
)

export const jobs = Flag.Int("jobs").pipe(
  Flag.withAlias("j"),
  Flag.withDescription("How many nodes that need no device may run at once (default: the number of cores)"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0, { expected: "a number of at least 1" }))),
  Flag.withDefault(availableParallelism())
)

export const json = (what: string) =>
  Flag.Boolean("json").pipe(Flag.withDescription(what), Flag.withDefault(false), Flag.withoutNegation)
