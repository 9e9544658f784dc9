import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Options from "./Options.ts"

const vary = Flag.String("vary").pipe(
  Flag.withMetavar("NODE.FIELD=VALUE,VALUE"),
  Flag.withDescription(
    "Vary a config field, e.g. entropy-score.lambda=0.1,0.5,1; may be repeated, for every combination"
  ),
  Flag.atLeast(0)
)

const seeds = Flag.Int("seeds").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("Repeat every variant with N seeds, for means with 95 % intervals"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0, { expected: "a number of at least 1" }))),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const select = Flag.String("select").pipe(
  Flag.withMetavar("NODE"),
  Flag.withDescription(
    "Compare the table of this node, and run no more than it needs (default: the pipeline's result)"
  ),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const metric = Flag.String("metric").pipe(
  Flag.withMetavar("COLUMN"),
  Flag.withDescription(
    "Show this column of the compared table; may be repeated (default: all numbers but bounds of intervals)"
  ),
  Flag.atLeast(0)
)

const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Show what is shared and what would execute, and stop there"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

export const ablateCommand = Command.make("ablate", {
  file: Options.file,
  vary,
  seeds,
  set: Options.set,
  select,
  metric,
  force: Options.force,
  store: Options.store,
  device: Options.device,
  jobs: Options.jobs,
  dryRun,
  json: Options.json("Print the plan and the comparison as one JSON document")
}, (options) => Effect.flatMap(Effect.promise(() => import("./ablate/Ablate.ts")), ({ ablate }) => ablate(options)))
  .pipe(
    Command.withDescription(
      "Compare variants of a pipeline: every combination of what is varied, merged into one pipeline in which equal nodes "
        + "exist once. The file exports a pipeline, or a grid(…) of its own. The table of comparison is the output of the "
        + "node ablation-report."
    ),
    Command.withShortDescription("Compare variants of a pipeline"),
    Command.withExamples([
      {
        command: "gemflow ablate pipelines/gem.ts --vary entropy-score.lambda=0,0.1,1 --seeds 3",
        description: "Three values, three seeds each"
      },
      {
        command: "gemflow ablate pipelines/gem.ts --vary rank.model=trueskill,bradley-terry --dry-run",
        description: "What that would cost"
      }
    ])
  )
