/**
 * The start of `gemflow run` when nothing is stale: a certificate of an earlier run still holds, so the run is noted and
 * shown without loading effect, the pipeline file or anything else. Where anything is unknown, the full command follows.
 *
 * Loaded by bin/gemflow.mjs before all else, so what this imports decides how fast the command starts.
 */
import { chooseRenderer } from "../cli/render/ChooseRenderer.ts"
import { resultTable } from "../cli/render/ResultTable.ts"
import { styleOf } from "../cli/render/Style.ts"
import type { Certificate } from "./Certificate.ts"
import { readCertificate } from "./CertificateFile.ts"
import { changedSince } from "./CheckCertificate.ts"
import { type Invocation, invocationOf } from "./Invocation.ts"
import { noteRepetition, type Repetition } from "./NoteRepetition.ts"
import { startWitness, tellStart } from "./Witness.ts"

/**
 * The exit code of a run that repeated an earlier one; undefined when the full command has to run, which then is watched
 * for a certificate of its own.
 *
 * @param root gemflow's folder
 */
export const fastStart = async (args: ReadonlyArray<string>, root: string): Promise<number | undefined> => {
  const startedAt = Date.now()
  const invocation = process.env["GEMFLOW_NO_CERTIFICATE"] === "1"
    ? "GEMFLOW_NO_CERTIFICATE is set"
    : invocationOf(args)
  if (typeof invocation === "string") {
    tellStart(invocation)
    return undefined
  }
  const repetition = repeat(invocation, startedAt)
  if (typeof repetition === "string") {
    tellStart(repetition)
    startWitness(invocation, root, performance.timeOrigin)
    return undefined
  }
  await show(repetition, invocation.json, startedAt)
  return 0
}

const repeat = (
  { name, store }: Invocation,
  startedAt: number
): { readonly certificate: Certificate; readonly noted: Repetition } | string => {
  const certificate = readCertificate(store, name)
  if (certificate === undefined) return "no run of this command was certified"
  const changed = changedSince(certificate)
  if (changed !== undefined) return changed
  try {
    const noted = noteRepetition(store, certificate, startedAt)
    if (typeof noted === "string") return noted
    return { certificate, noted }
  } catch (error) {
    // Whatever is wrong with the catalog, the full command says it better.
    return `the catalog cannot be used (${error instanceof Error ? error.message : String(error)})`
  }
}

const show = async (
  { certificate: { started }, noted }: { readonly certificate: Certificate; readonly noted: Repetition },
  json: boolean,
  startedAt: number
) => {
  const { nodes, run, shown } = noted
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that has seen enough closes the pipe.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error
    })
  }
  const renderer = await chooseRenderer(json)
  renderer.event({ type: "RunStarted", run, ...started })
  started.nodes.forEach(({ kind, node }, position) => {
    const { key = "", output = "", rows = 0 } = nodes[position] ?? {}
    const cached = { status: "cached", durationMs: 0, reasons: [], details: [] } as const
    renderer.event({ type: "NodeFinished", node, kind, key, digest: output, rows, ...cached })
  })
  renderer.event({
    type: "RunFinished",
    run,
    executed: 0,
    cached: nodes.length,
    failed: 0,
    durationMs: Date.now() - startedAt
  })
  renderer.close()
  if (json || shown === undefined) return
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
  process.stdout.write(`\n${resultTable(JSON.parse(shown), styleOf(process.stdout), width)}\n`)
}
