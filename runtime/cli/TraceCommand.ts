import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { jsonValue } from "../../artifacts/JsonValue.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { styleOf } from "./render/Style.ts"
import type { ShownRow } from "./TraceAnswer.ts"
import { namedOne, openPipeline, readerLayer } from "./Workspace.ts"

const row = Argument.String("row").pipe(
  Argument.withDescription(
    "A row of the node's output: the value of an id column or its beginning, or #12 for the 12th"
  )
)

const down = Flag.Boolean("down").pipe(
  Flag.withDescription("What was computed from the row, rather than what it was computed from"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

const run = Flag.String("run").pipe(
  Flag.withMetavar("RUN"),
  Flag.withDescription("As of this run; by default the last in which the node had an output"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

const rows = Flag.Int("rows").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("How many rows to follow into each input (default: 3, with --json 1000)"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a number of at least 1" }))),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const traceCommand = Command.make("trace", {
  file: Options.file,
  node: Options.node,
  row,
  down,
  run,
  rows,
  store: Options.store,
  json: Options.json("Print the rows with all their values as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { pipeline, project } = yield* openPipeline(options.file, options)
    const instance = yield* namedOne(pipeline, options.node)
    const { traceRow } = yield* Effect.promise(() => import("./TraceAnswer.ts"))
    const limit = options.rows ?? (options.json ? 1000 : 3)
    const { file, json: isJson, row, run } = options
    const direction = options.down ? "down" as const : "up" as const
    const answer = yield* traceRow({ pipeline, instance, file, row, run, direction, limit, projectRoot: project.root })
      .pipe(Effect.provide(readerLayer(project.store)))
    if (isJson) return yield* printJson(jsonValue({ ...answer, row: withoutTypes(answer.row) }))
    const { traceText } = yield* Effect.promise(() => import("./render/TraceText.ts"))
    yield* print(traceText(answer, styleOf(process.stdout), outputWidth()))
  })).pipe(
    Command.withDescription(
      "Follow one row to the rows that it was computed from, column by column, up to the lines of the files that were "
        + "read; or with --down to the rows that were computed from it. Rows belong to each other by the id columns that "
        + "two tables share."
    ),
    Command.withShortDescription("Follow a row to where it came from"),
    Command.withExamples([
      { command: "gemflow trace pipelines/gem.ts advantage '#1'", description: "Where the first advantage came from" },
      { command: "gemflow trace pipelines/gem.ts sample 5c8e --down", description: "What a candidate became" }
    ])
  )

/** The columns' descriptions are for the text alone. */
const withoutTypes = ({ columns: _columns, links, ...row }: ShownRow): object => ({
  ...row,
  links: links.map((link) => ({ ...link, rows: link.rows.map(withoutTypes) }))
})
