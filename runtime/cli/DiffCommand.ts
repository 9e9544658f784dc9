import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { jsonValue } from "../../artifacts/JsonValue.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { projectAt } from "./Project.ts"
import { styleOf } from "./render/Style.ts"
import { readerLayer } from "./Workspace.ts"

/** With --exit-code: the two differ. */
export class Differ extends Schema.TaggedError<Differ>()("Differ", { a: Schema.String, b: Schema.String }) {
  override get message(): string {
    return `${this.a} and ${this.b} differ`
  }
}

const reference = (name: string, which: string) =>
  Argument.String(name).pipe(
    Argument.withDescription(
      `${which}: a run (last, last~1, the beginning of its id), a node's output in a run (NODE@RUN), or an artifact (the `
        + "beginning of its digest)"
    )
  )

const exitCode = Flag.Boolean("exit-code").pipe(
  Flag.withDescription("Exit with 1 when the two differ, as git diff --exit-code does"),
  Flag.withDefault(false),
  Flag.withoutNegation
)

const rows = Flag.Int("rows").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("How many differing rows of each kind to show per table (default: 5)"),
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "a number of at least 0" }))),
  Flag.withDefault(5)
)

export const diffCommand = Command.make("diff", {
  a: reference("a", "What was before"),
  b: reference("b", "What is after"),
  rows,
  exitCode,
  store: Options.store,
  json: Options.json("Print the differences as JSON")
}, (options) =>
  Effect.gen(function*() {
    const { store } = projectAt(process.cwd(), options.store)
    const { diffAnswer, isEqual } = yield* Effect.promise(() => import("./DiffAnswer.ts"))
    const answer = yield* Effect.provide(diffAnswer(options.a, options.b, options.rows), readerLayer(store))
    if (options.json) yield* printJson(jsonValue({ equal: isEqual(answer), ...answer }))
    else {
      const { diffText } = yield* Effect.promise(() => import("./render/DiffText.ts"))
      yield* print(diffText(answer, styleOf(process.stdout), outputWidth()))
    }
    if (options.exitCode && !isEqual(answer)) return yield* new Differ({ a: options.a, b: options.b })
  })).pipe(
    Command.withDescription(
      "Compare two runs, two outputs of nodes or two artifacts: config, code, tables by digest, columns, rows (matched by "
        + "their ids) and, of small tables of results, the numbers side by side."
    ),
    Command.withShortDescription("Compare two runs or tables"),
    Command.withExamples([
      { command: "gemflow diff last~1 last", description: "What the last run changed" },
      { command: "gemflow diff report@last~1 report@last", description: "The reports of two runs, row by row" },
      {
        command: "gemflow diff --exit-code 3f9a01c2 77aa0b1c",
        description: "Two artifacts; exits with 1 if they differ"
      }
    ])
  )
