/** Watches a run for what a certificate has to rest on. There is one in a process, and only when the launcher started it. */
import { setImmediate } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { consulted, consultedStamps, noteConsulted } from "../execution/Consulted.ts"
import { settledAt, stampOf } from "../execution/Stamp.ts"
import { type Certificate, certificateFormat, objectManifest, objectsDigest } from "./Certificate.ts"
import { environmentDigest } from "./CheckCertificate.ts"
import type { Invocation } from "./Invocation.ts"
import { type ModuleGraph, watchModules } from "./ModuleGraph.ts"
import { type Surroundings, watchSurroundings } from "./Surroundings.ts"

/** What a run that may be repeated was, and what it made. */
export interface Finished extends Pick<Certificate, "run" | "settings" | "started" | "result" | "catalogVersion"> {
  /** Digest of the output of each node, in the order of `started.nodes`. */
  readonly outputs: ReadonlyArray<string>
  /** Paths of the files of stored directories that outputs refer to. */
  readonly directories: ReadonlyArray<string>
}

/** A certificate that holds once the artifacts named `unsettled` have been looked at again. */
export interface Draft {
  readonly certificate: Certificate
  readonly unsettled: ReadonlyArray<string>
}

/** So many artifacts that a run has made are looked at again for a certificate; a run that made more gets none. */
const mostUnsettled = 256

export class Witness {
  readonly invocation: Invocation
  readonly #startedAt: number
  readonly #graph: ModuleGraph
  #surroundings: Surroundings | undefined
  readonly #problems = new Set<string>()

  /** @param root gemflow's folder */
  constructor(invocation: Invocation, root: string, startedAt: number) {
    this.invocation = invocation
    this.#startedAt = startedAt
    noteConsulted()
    this.#graph = watchModules(root, {
      builtin: (name, importer) => this.#surroundings?.builtin(name, importer),
      problem: (problem) => this.#problems.add(problem)
    })
  }

  /** Loads the pipeline file. From here to `planned` is watched what the user's code looks at. */
  async loading<A>(file: string, load: () => Promise<A>): Promise<A> {
    // What gemflow itself is at is done first: from here on, what goes on beside loading is the pipeline's.
    await setImmediate()
    consulted(file)
    this.#graph.entry(pathToFileURL(file).href)
    this.#surroundings = watchSurroundings(this.#graph.isTrusted)
    this.#surroundings.loading(true)
    try {
      return await load()
    } finally {
      this.#surroundings.loading(false)
    }
  }

  /** The plan is made: what the user's code does now is no part of it. */
  planned(): void {
    this.#surroundings?.end()
  }

  /** A certificate for the run that has ended, or why there cannot be one. */
  draft(finished: Finished): Draft | string {
    this.planned()
    if (this.#surroundings === undefined) return "no pipeline file was loaded"
    const [problem] = [...this.#problems, ...this.#surroundings.problems]
    if (problem !== undefined) return problem
    const links = this.#graph.consult()
    const stamps = Object.fromEntries(consultedStamps())
    for (const [path, stamp] of Object.entries(stamps)) {
      if (!settledAt(stamp, this.#startedAt) || stampOf(path) !== stamp) return `${path} was written lately`
    }
    const { store } = this.invocation
    const { catalogVersion, directories, outputs, result, run, settings, started } = finished
    const unsettled = outputs.filter((digest) => !settledAt(stampOf(objectManifest(store, digest)), this.#startedAt))
    if (unsettled.length > mostUnsettled) return `the run made ${unsettled.length} artifacts`
    return {
      unsettled,
      certificate: {
        format: certificateFormat,
        catalogVersion,
        run,
        settings,
        started,
        result,
        stamps,
        links,
        environment: Object.fromEntries(
          [...this.#surroundings.environment].map(([name, value]) => [name, environmentDigest(name, value)])
        ),
        objects: objectsDigest(store, outputs),
        directories: Object.fromEntries(directories.map((path) => [path, stampOf(path)]))
      }
    }
  }
}

let current: Witness | undefined

export const startWitness = (invocation: Invocation, root: string, startedAt: number): void => {
  current = new Witness(invocation, root, startedAt)
}

/** That of this process, if the launcher started one. */
export const witness = (): Witness | undefined => current

/** With GEMFLOW_DEBUG=1 it is told why a start took the long way. */
export const tellStart = (reason: string): void => {
  if (process.env["GEMFLOW_DEBUG"] === "1") process.stderr.write(`gemflow: no fast start: ${reason}\n`)
}
