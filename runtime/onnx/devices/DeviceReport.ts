/** What can be used of a machine, what is missing for the rest, and the commands that install it. */
import type { Gpu, InstalledRuntime, MachineFacts } from "./Machine.ts"
import {
  cudaLibraries,
  cudaVersion,
  installCuda,
  installDriver,
  installVulkan,
  loadedLater,
  oldest,
  providerFiles,
  vulkanLoader
} from "./Needs.ts"

export interface DeviceReport {
  /** As `--device` takes it. `cuda` without a number when there is no GPU. */
  readonly device: string
  readonly what: string
  /** Bytes; undefined when unknown. */
  readonly memory: number | undefined
  readonly ready: boolean
  readonly missing: ReadonlyArray<string>
  /** Commands, in the order to run them. */
  readonly install: ReadonlyArray<string>
}

interface Lack {
  readonly missing: ReadonlyArray<string>
  readonly install: ReadonlyArray<string>
}

/** One report per device: the CPU, each GPU, and WebGPU. */
export const reportDevices = (facts: MachineFacts): ReadonlyArray<DeviceReport> => {
  const { cpu, gpus, runtime } = facts
  const broken: ReadonlyArray<Lack> = typeof runtime === "string"
    ? [{ missing: [`onnxruntime-node: ${runtime}`], install: ["npm install"] }]
    : []
  const cuda = typeof gpus === "string"
    ? [withoutDriver(facts, gpus)]
    : gpus.map((gpu) =>
      report(`cuda:${gpu.index}`, describe(gpu), gpu.memory * 2 ** 20, [...broken, ...cudaLacks(facts, gpu)])
    )
  return [
    report("cpu", `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? "core" : "cores"}`, cpu.memory, broken),
    ...cuda,
    report("webgpu", "onnxruntime's WebGPU provider", undefined, [...broken, ...webgpuLacks(facts)])
  ]
}

const report = (
  device: string,
  what: string,
  memory: number | undefined,
  lacks: ReadonlyArray<Lack>
): DeviceReport => ({
  device,
  what,
  memory,
  ready: lacks.length === 0,
  missing: lacks.flatMap(({ missing }) => missing),
  install: [...new Set(lacks.flatMap(({ install }) => install))]
})

/** No GPU could be listed: there is none, or no driver for those there are. */
const withoutDriver = ({ cards, installer }: MachineFacts, problem: string): DeviceReport =>
  cards === 0
    ? report("cuda", "no NVIDIA GPU", undefined, [{ missing: ["an NVIDIA GPU"], install: [] }])
    : report("cuda", `${cards} NVIDIA ${cards === 1 ? "GPU" : "GPUs"} without a driver`, undefined, [
      { missing: [`the NVIDIA driver (${problem})`], install: [installDriver(installer)] }
    ])

const describe = ({ compute, driver, name }: Gpu): string =>
  `${name}, compute capability ${compute.toFixed(1)}, driver ${driver}`

const cudaLacks = (facts: MachineFacts, gpu: Gpu): ReadonlyArray<Lack> => {
  const { found, installer, platform, providerFiles: present, providerNeeds, runtime } = facts
  if (platform !== "linux-x64") {
    return [{ missing: [`onnxruntime-node has no CUDA provider for ${platform}, only for linux-x64`], install: [] }]
  }
  const needs = [...(providerNeeds ?? cudaLibraries), ...loadedLater]
  const cuda = cudaVersion(needs)
  const least = oldest(cuda)
  const files = providerFiles.filter((file) => !present.includes(file))
  // The driver brings its own library; without it nvidia-smi would not have answered.
  const libraries = needs.filter((name) => found[name] === undefined && !name.startsWith("libcuda.so"))
  const lacks: Array<Lack> = []
  if (gpu.compute > 0 && gpu.compute < least.compute) {
    const missing = `a GPU of compute capability ${least.compute.toFixed(1)} or newer, for CUDA ${cuda}`
    lacks.push({ missing: [missing], install: [] })
  }
  if (isOlder(gpu.driver, least.driver)) {
    lacks.push({ missing: [`driver ${least.driver} or newer, for CUDA ${cuda}`], install: [installDriver(installer)] })
  }
  if (files.length > 0 && typeof runtime !== "string") {
    lacks.push({ missing: files, install: [installProvider(runtime)] })
  }
  if (libraries.length > 0) lacks.push({ missing: libraries, install: installCuda(libraries, cuda, installer) })
  return lacks
}

const installProvider = ({ folder }: InstalledRuntime): string =>
  `node ${folder}/script/install.js --onnxruntime-node-install=cuda12`

const webgpuLacks = ({ found, installer, platform, runtime, vulkanDrivers }: MachineFacts): ReadonlyArray<Lack> => {
  if (typeof runtime === "string") return []
  if (!runtime.backends.some(({ bundled, name }) => name === "webgpu" && bundled)) {
    return [{ missing: [`onnxruntime-node ${runtime.version} has no WebGPU provider for ${platform}`], install: [] }]
  }
  // Elsewhere Metal and Direct3D 12 belong to the system.
  if (!platform.startsWith("linux")) return []
  const lacks: Array<Lack> = []
  if (found[vulkanLoader] === undefined) {
    lacks.push({ missing: [vulkanLoader], install: [installVulkan("loader", installer)] })
  }
  if (vulkanDrivers.length === 0) {
    lacks.push({ missing: ["a Vulkan driver"], install: [installVulkan("driver", installer)] })
  }
  return lacks
}

/** Whether a dotted version comes before another. */
export const isOlder = (version: string, than: string): boolean => {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number))
  for (const [index, part] of (b ?? []).entries()) {
    const own = a?.[index] ?? 0
    if (own !== part) return own < part
  }
  return false
}
