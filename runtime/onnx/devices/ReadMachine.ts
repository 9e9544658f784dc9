import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, totalmem } from "node:os"
import { join } from "node:path"
import { cudaFiles, librariesFolder, runtimeFolder } from "./CudaFiles.ts"
import { type InstalledRuntime, Machine, type MachineFacts } from "./Machine.ts"
import { cudaLibraries, loadedLater, vulkanLoader } from "./Needs.ts"
import { listGpus } from "./NvidiaSmi.ts"

/** The machine this process runs on, read when asked. */
export const machineLayer: Layer.Layer<Machine> = Layer.succeed(
  Machine,
  Machine.of({ facts: Effect.promise(() => readMachine()) })
)

const readMachine = async (): Promise<MachineFacts> => {
  const [gpus, runtime] = await Promise.all([listGpus(), installedRuntime()])
  const { needs, present, search } = cudaFiles(typeof runtime === "string" ? "" : runtime.libraries)
  const wanted = [...(needs ?? cudaLibraries), ...loadedLater, vulkanLoader]
  return {
    platform: `${process.platform}-${process.arch}`,
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      memory: Math.min(totalmem(), process.constrainedMemory() || Infinity)
    },
    gpus,
    cards: nvidiaCards(),
    runtime,
    providerFiles: present,
    providerNeeds: needs,
    found: Object.fromEntries(wanted.flatMap((name) => {
      const path = search(name)
      return path === undefined ? [] : [[name, path]]
    })),
    vulkanDrivers: ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].flatMap(filesIn),
    installer: existsSync("/usr/bin/apt-get") ? "apt" : existsSync("/usr/bin/dnf") ? "dnf" : "pip"
  }
}

const installedRuntime = async (): Promise<InstalledRuntime | string> => {
  try {
    const folder = runtimeFolder()
    const { version }: { readonly version: string } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const { listSupportedBackends } = await import("onnxruntime-node")
    return {
      version,
      folder,
      libraries: librariesFolder(folder),
      backends: listSupportedBackends().map(({ bundled, name }) => ({ name, bundled }))
    }
  } catch (cause) {
    return cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)
  }
}

/** NVIDIA's display controllers on the PCI bus, with or without a driver; none where there is no such folder. */
const nvidiaCards = (): number => {
  const bus = "/sys/bus/pci/devices"
  const says = (card: string, file: string) => readFileSync(join(bus, card, file), "utf8").trim()
  const cards = existsSync(bus) ? readdirSync(bus) : []
  return cards.filter((card) => says(card, "vendor") === "0x10de" && says(card, "class").startsWith("0x03")).length
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => join(folder, name))
    : []
