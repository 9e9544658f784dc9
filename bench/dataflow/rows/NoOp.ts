/** Nothing has to be done, and that is found out: whole processes. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { contest, type Contestant, type Process, type Setting } from "../Contest.ts"
import { type Found, npmPeer, pythonPeer, systemPeer } from "../Peers.ts"
import { dagster } from "../peers/dagster.ts"
import { dvc } from "../peers/dvc.ts"
import { gemflow } from "../peers/gemflow.ts"
import { ninja } from "../peers/ninja.ts"
import { redun } from "../peers/redun.ts"
import { snakemake } from "../peers/snakemake.ts"
import { turbo } from "../peers/turbo.ts"
import { wireit } from "../peers/wireit.ts"

type Prepare = (folder: string, nodes: number) => Process | Promise<Process>

interface Peer {
  readonly name: string
  readonly found: Found
  readonly prepare: (program: string) => Prepare
  /** More nodes than this take it too long to prepare or to run. */
  readonly most: number
}

const peers = (): ReadonlyArray<Peer> => {
  const installed = systemPeer("ninja")
  return [
    { name: "ninja", found: "absent" in installed ? pythonPeer("ninja") : installed, prepare: ninja, most: 10_000 },
    { name: "turbo", found: npmPeer("turbo"), prepare: turbo, most: 1_000 },
    { name: "wireit", found: npmPeer("wireit"), prepare: wireit, most: 1_000 },
    { name: "redun", found: pythonPeer("redun"), prepare: redun, most: 1_000 },
    { name: "snakemake", found: pythonPeer("snakemake"), prepare: snakemake, most: 1_000 },
    { name: "dvc", found: pythonPeer("dvc"), prepare: dvc, most: 1_000 },
    {
      name: "dagster (list)",
      found: pythonPeer("dagster", "dagster dagster-webserver"),
      prepare: dagster,
      most: 1_000
    },
    {
      name: "targets",
      found: { absent: "gemflow is not measured against R's targets yet: no R was at hand." },
      prepare: () => () => Promise.reject(new Error("no R")),
      most: 1_000
    }
  ]
}

export const noOp = (nodes: number) =>
  async function*(setting: Setting): AsyncGenerator<string> {
    const folder = mkdtempSync(join(tmpdir(), "gemflow-bench-dataflow-"))
    const place = (name: string) => {
      const own = join(folder, name.replaceAll(/\W/g, ""))
      mkdirSync(own)
      return own
    }
    try {
      const contestants = peers().filter(({ most }) => nodes <= most).map(({ found, name, prepare }) =>
        "absent" in found
          ? { name, absent: found.absent }
          : { name, prepare: () => prepare(found.program)(place(name), nodes) } satisfies Contestant
      )
      yield* contest([{ name: "gemflow", prepare: () => gemflow(place("gemflow"), nodes) }, ...contestants], setting)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
