/** What onnxruntime's CUDA and WebGPU providers need on a machine, and the commands that install it. */
import type { MachineFacts } from "./Machine.ts"

/** The CUDA provider, and what ties it to onnxruntime: beside onnxruntime-node's binding. */
export const providerFiles = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"] as const

/** Needs of the provider that onnxruntime-node's own script installs, until it is there to be asked. */
export const cudaLibraries: ReadonlyArray<string> = [
  "libcudart.so.12",
  "libcublas.so.12",
  "libcublasLt.so.12",
  "libcurand.so.10"
]

/** Loaded when a kernel first wants it: sessions open without cuDNN, and every reduction then fails. */
export const loadedLater: ReadonlyArray<string> = ["libcudnn.so.9"]

export const vulkanLoader = "libvulkan.so.1"

/** The CUDA version a set of libraries belongs to: 12 of `libcudart.so.12`. */
export const cudaVersion = (libraries: ReadonlyArray<string>): number =>
  Number(libraries.map((name) => /^lib(?:cudart|cublas)\.so\.(\d+)/.exec(name)?.[1]).find((version) => version) ?? 12)

/** The oldest driver and GPU that a CUDA version runs on (NVIDIA, CUDA compatibility; 13 dropped what is older than 7.5). */
export const oldest = (cuda: number): { readonly driver: string; readonly compute: number } =>
  cuda >= 13 ? { driver: "580.65.06", compute: 7.5 } : { driver: "525.60.13", compute: 5 }

/** Package names by library: of NVIDIA's apt and dnf repositories, and of its wheels. */
const packages: ReadonlyArray<{
  readonly library: RegExp
  readonly system: (cuda: number) => string
  readonly wheel: (cuda: number) => string
}> = [
  {
    library: /^libcudart\./,
    system: (cuda) => `cuda-cudart-${release(cuda)}`,
    wheel: (cuda) => wheel("nvidia-cuda-runtime", cuda)
  },
  {
    library: /^libcublas/,
    system: (cuda) => `libcublas-${release(cuda)}`,
    wheel: (cuda) => wheel("nvidia-cublas", cuda)
  },
  {
    library: /^libcurand\./,
    system: (cuda) => `libcurand-${release(cuda)}`,
    wheel: (cuda) => wheel("nvidia-curand", cuda)
  },
  {
    library: /^libcufft\./,
    system: (cuda) => `libcufft-${release(cuda)}`,
    wheel: (cuda) => wheel("nvidia-cufft", cuda)
  },
  {
    library: /^libcudnn/,
    system: (cuda) => `libcudnn9-cuda-${cuda}`,
    wheel: (cuda) => `nvidia-cudnn-cu${cuda}`
  }
]

const release = (cuda: number): string => cuda >= 13 ? `${cuda}-0` : `${cuda}-8`
const wheel = (name: string, cuda: number): string => cuda >= 13 ? name : `${name}-cu${cuda}`

type Installer = MachineFacts["installer"]

const systemInstall = { apt: "sudo apt-get install", dnf: "sudo dnf install" } as const
const wheels = "~/.local/share/gemflow/cuda"

/** The commands that bring these CUDA libraries. */
export const installCuda = (
  libraries: ReadonlyArray<string>,
  cuda: number,
  installer: Installer
): ReadonlyArray<string> => {
  const chosen = packages.filter(({ library }) => libraries.some((name) => library.test(name)))
  if (installer !== "pip") {
    return [`${systemInstall[installer]} ${chosen.map(({ system }) => system(cuda)).join(" ")}`]
  }
  return [
    `python3 -m pip install --target ${wheels} ${chosen.map(({ wheel }) => wheel(cuda)).join(" ")}`,
    `export LD_LIBRARY_PATH=$(echo ${wheels}/nvidia/*/lib | tr ' ' ':')`
  ]
}

export const installDriver = (installer: Installer): string =>
  installer === "pip"
    ? "https://www.nvidia.com/drivers"
    : `${systemInstall[installer]} cuda-drivers`

export const installVulkan = (what: "loader" | "driver", installer: Installer): string => {
  const names = { apt: ["libvulkan1", "mesa-vulkan-drivers"], dnf: ["vulkan-loader", "mesa-vulkan-drivers"] } as const
  if (installer === "pip") return "the system's package of the Vulkan loader and of the GPU's driver"
  return `${systemInstall[installer]} ${names[installer][what === "loader" ? 0 : 1]}`
}
