/** Machines as `gemflow devices` might find them. */
import type { Gpu, MachineFacts } from "../../../../runtime/onnx/devices/Machine.ts"
import { cudaLibraries, loadedLater, providerFiles } from "../../../../runtime/onnx/devices/Needs.ts"

export const a100 = (index: number): Gpu => ({
  index,
  name: "NVIDIA A100-SXM4-80GB",
  memory: 81920,
  driver: "535.183.06",
  compute: 8
})

const everything = Object.fromEntries(
  [...cudaLibraries, ...loadedLater, "libvulkan.so.1"].map((name) => [name, `/usr/lib/${name}`])
)

/** Two A100s with all that is needed. */
export const complete: MachineFacts = {
  platform: "linux-x64",
  cpu: { model: "AMD EPYC 7742", cores: 128, memory: 2 ** 40 },
  gpus: [a100(0), a100(1)],
  cards: 2,
  runtime: {
    version: "1.30.0",
    folder: "/project/node_modules/onnxruntime-node",
    libraries: "/project/node_modules/onnxruntime-node/bin/napi-v6/linux/x64",
    backends: [{ name: "cpu", bundled: true }, { name: "webgpu", bundled: true }, { name: "cuda", bundled: false }]
  },
  providerFiles: [...providerFiles],
  providerNeeds: [...cudaLibraries, "libcuda.so.1"],
  found: everything,
  vulkanDrivers: ["/usr/share/vulkan/icd.d/nvidia_icd.json"],
  installer: "apt"
}

export const without = (facts: MachineFacts, ...names: ReadonlyArray<string>): MachineFacts => ({
  ...facts,
  found: Object.fromEntries(Object.entries(facts.found).filter(([name]) => !names.includes(name)))
})
