/** For Surroundings.test.ts: loads modules as a pipeline file would be, and prints what stands in the way of a certificate. */
import { pathToFileURL } from "node:url"
import { consultedStamps } from "../../../runtime/execution/Consulted.ts"
import { Witness } from "../../../runtime/start/Witness.ts"

const [root = "", ...files] = process.argv.slice(2)
const invocation = { name: "test", file: "", store: "", json: false }
const finished = {
  catalogVersion: 0,
  run: "",
  settings: [],
  started: { pipeline: "", file: "", store: "", nodes: [] },
  result: null,
  outputs: [],
  directories: []
}
const found: Record<string, unknown> = {}
for (const file of files) {
  const witness = new Witness(invocation, root, Date.now() + 10_000)
  const globals = Object.getOwnPropertyDescriptors(globalThis)
  await witness.loading(file, () => import(pathToFileURL(file).href))
  const draft = witness.draft(finished)
  const left = Object.entries(Object.getOwnPropertyDescriptors(globalThis)).filter(([name, { get, value }]) =>
    get !== globals[name]?.get || !Object.is(value, globals[name]?.value)
  )
  found[file] = {
    problem: typeof draft === "string" ? draft : null,
    environment: typeof draft === "string" ? [] : Object.keys(draft.certificate.environment),
    files: [...consultedStamps().keys()],
    left: left.map(([name]) => name)
  }
}
process.stdout.write(JSON.stringify(found))
