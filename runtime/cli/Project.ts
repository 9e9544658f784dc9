/** Where a pipeline file belongs, and where its results are kept. */
import { realpathSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { packageRoot } from "../execution/InstalledPackage.ts"

export interface Project {
  /** The folder of the nearest package.json; relative input paths of a pipeline file start here. */
  readonly root: string
  /** The artifact store and the run catalog. */
  readonly store: string
}

/** The project of a pipeline file. `store` is the --store option. */
export const projectOf = (file: string, store: string | undefined): Project =>
  projectAt(dirname(realpathSync(file)), store)

/** The project of a folder. */
export const projectAt = (folder: string, store: string | undefined): Project => {
  const root = packageRoot(folder) ?? folder
  return { root, store: store === undefined ? join(root, ".gemflow") : resolve(store) }
}
