/** The files of onnxruntime's CUDA provider and the libraries they need, as they are on this machine. */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { librarySearch } from "./LibrarySearch.ts"
import { cudaLibraries, loadedLater, providerFiles } from "./Needs.ts"
import { neededLibraries } from "./SharedLibrary.ts"

/** The folder of the package onnxruntime-node; throws where it is not installed. */
// gemflow: outside-key where onnxruntime lies; its version is part of the key
export const runtimeFolder = (): string => dirname(dirname(createRequire(import.meta.url).resolve("onnxruntime-node")))

/** Where its libraries for this platform lie, and those for CUDA belong. */
export const librariesFolder = (runtime: string): string =>
  join(runtime, "bin", "napi-v6", process.platform, process.arch)

export interface CudaFiles {
  /** Files of the provider that are there. */
  readonly present: ReadonlyArray<string>
  /** CUDA libraries that the installed provider names as its needs; undefined when it is not installed. */
  readonly needs: ReadonlyArray<string> | undefined
  /** Where the loader would find a library, if it does. */
  readonly search: (name: string) => string | undefined
}

/** @param folder see `librariesFolder`. */
export const cudaFiles = (folder: string): CudaFiles => {
  const provider = join(folder, providerFiles[0])
  return {
    present: providerFiles.filter((file) => existsSync(join(folder, file))),
    // Only CUDA's own: what belongs to the C library and the compiler is always there.
    needs: existsSync(provider)
      ? neededLibraries(provider)?.filter((name) => /^lib(cu|nv)/.test(name))
      : undefined,
    search: librarySearch([folder])
  }
}

/** What keeps the CUDA provider from being loaded here, by file name. */
export const missingCudaFiles = ({ needs, present, search }: CudaFiles): ReadonlyArray<string> => [
  ...providerFiles.filter((file) => !present.includes(file)),
  ...[...(needs ?? cudaLibraries), ...loadedLater].filter((name) => search(name) === undefined)
]
