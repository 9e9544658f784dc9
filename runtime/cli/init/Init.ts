/** `gemflow init`: writes a starting project from templates/init. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join, relative, resolve, sep } from "node:path"
import { makeFolder } from "../../../artifacts/MakeFolder.ts"
import { packageRoot } from "../../execution/InstalledPackage.ts"
import { print } from "../Output.ts"

/** Some of the files that would be written are there already. */
export class ProjectExists extends Schema.TaggedError<ProjectExists>()("ProjectExists", {
  folder: Schema.String,
  files: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const [first = ""] = this.files
    const them = this.files.length === 1 ? first : `${this.files.slice(0, -1).join(", ")} and ${this.files.at(-1)}`
    return `${this.folder} has ${them} already, and init overwrites nothing. Name another folder, or add gemflow to the project `
      + "that is there with: npm install gemflow effect"
  }
}

/** The project cannot be written. */
export class ProjectNotWritten extends Schema.TaggedError<ProjectNotWritten>()("ProjectNotWritten", {
  folder: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `${this.folder} cannot be written (${why}). Name a folder that can.`
  }
}

export const init = Effect.fn("Init.init")(function*(given: string) {
  const folder = resolve(given)
  const attempt = <A>(write: () => A) =>
    Effect.try({ try: write, catch: (cause) => new ProjectNotWritten({ folder, cause }) })
  const files = yield* attempt(() => projectFiles(basename(folder)))
  const taken = files.flatMap(({ path }) => existsSync(join(folder, path)) ? [path] : [])
  if (taken.length > 0) return yield* new ProjectExists({ folder, files: taken })
  yield* attempt(() => {
    for (const { path, text } of files) {
      makeFolder(dirname(join(folder, path)))
      // Fails where a file has come up since.
      writeFileSync(join(folder, path), text, { flag: "wx" })
    }
  })
  const into = relative(process.cwd(), folder)
  yield* print([
    `A project in ${folder}:`,
    ...files.map(({ about, path }) => `  ${path.padEnd(longest(files))}  ${about}`),
    "",
    "Next:",
    ...(into === "" ? [] : [`  cd ${into}`]),
    "  npm install",
    "  npx gemflow run pipeline.ts",
    "Then change unit to \"characters\" in pipeline.ts, and run it again: only length-bias executes."
  ].join("\n"))
})

interface ProjectFile {
  readonly path: string
  readonly text: string
  readonly about: string
}

const about: Readonly<Record<string, string>> = {
  ".gitignore": "what is not to be committed",
  "nodes/LengthBias.ts": "a node of your own",
  "package.json": "with the versions of this gemflow",
  "pairs.jsonl": "preference pairs to begin with",
  "pipeline.ts": "the pipeline",
  "tsconfig.json": "for npm run types"
}

const projectFiles = (name: string): ReadonlyArray<ProjectFile> => {
  const root = packageRoot(import.meta.dirname) ?? import.meta.dirname
  const templates = join(root, "templates", "init")
  const values = { name: packageNameOf(name), ...versions(root) }
  return readdirSync(templates, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => {
      const template = relative(templates, file).split(sep).join("/")
      // npm leaves a file called .gitignore out of packages.
      const path = template === "gitignore" ? ".gitignore" : template
      return { path, text: filled(readFileSync(file, "utf8"), values), about: about[path] ?? "" }
    })
    .toSorted((a, b) => a.path < b.path ? -1 : 1)
}

const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{\{([^{}]+)\}\}/g, (_, key: string) => values[key] ?? "")

/** The versions that this gemflow is made with: one copy of effect must serve both. */
const versions = (root: string): Readonly<Record<string, string>> => {
  const manifest = decodeManifest(JSON.parse(readFileSync(join(root, "package.json"), "utf8")))
  return { ...manifest.devDependencies, ...manifest.dependencies, gemflow: manifest.version }
}

const Versions = Schema.Record(Schema.String, Schema.String)
const decodeManifest = Schema.decodeUnknownSync(
  Schema.Struct({ version: Schema.String, dependencies: Versions, devDependencies: Versions })
)

/** A folder's name as npm allows it for a package. */
const packageNameOf = (folder: string): string =>
  folder.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-").replace(/^[._-]+|-+$/g, "") || "project"

const longest = (files: ReadonlyArray<ProjectFile>): number => Math.max(...files.map(({ path }) => path.length))
