import { describe, expect, it } from "@effect/vitest"
import { isOlder, reportDevices } from "../../../../runtime/onnx/devices/DeviceReport.ts"
import type { MachineFacts } from "../../../../runtime/onnx/devices/Machine.ts"
import { a100, complete, without } from "./machines.ts"

const reportOf = (facts: MachineFacts, device: string) => {
  const found = reportDevices(facts).find((report) => report.device === device)
  if (found === undefined) throw new Error(`no device ${device}`)
  return found
}

describe("a machine with two A100s", () => {
  it("is ready when everything is there", () => {
    expect(reportDevices(complete).map(({ device, install, missing, ready }) => [device, ready, missing, install]))
      .toEqual(["cpu", "cuda:0", "cuda:1", "webgpu"].map((device) => [device, true, [], []]))
    expect(reportOf(complete, "cuda:1").what)
      .toBe("NVIDIA A100-SXM4-80GB, compute capability 8.0, driver 535.183.06")
    expect(reportOf(complete, "cuda:1").memory).toBe(80 * 2 ** 30)
  })

  it("without cuDNN names it, and its package", () => {
    const facts = without(complete, "libcudnn.so.9")
    expect(reportOf(facts, "cuda:0")).toMatchObject({
      ready: false,
      missing: ["libcudnn.so.9"],
      install: ["sudo apt-get install libcudnn9-cuda-12"]
    })
    expect(reportOf(facts, "cpu").ready).toBe(true)
    expect(reportOf({ ...facts, installer: "pip" }, "cuda:0").install[0])
      .toBe("python3 -m pip install --target ~/.local/share/gemflow/cuda nvidia-cudnn-cu12")
  })

  it("without the provider is told onnxruntime-node's own script", () => {
    const facts = { ...complete, providerFiles: [], providerNeeds: undefined }
    expect(reportOf(facts, "cuda:0")).toMatchObject({
      missing: ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"],
      install: [
        "node /project/node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12"
      ]
    })
    const one = { ...complete, providerFiles: ["libonnxruntime_providers_cuda.so"] }
    expect(reportOf(one, "cuda:0").missing).toEqual(["libonnxruntime_providers_shared.so"])
  })

  it("needs the CUDA version that the installed provider was built for, and its driver", () => {
    const built13 = ["libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13", "libcuda.so.1"]
    expect(reportOf({ ...complete, providerNeeds: built13 }, "cuda:0")).toMatchObject({
      missing: [
        "driver 580.65.06 or newer, for CUDA 13",
        "libcublasLt.so.13",
        "libcublas.so.13",
        "libcudart.so.13"
      ],
      install: ["sudo apt-get install cuda-drivers", "sudo apt-get install cuda-cudart-13-0 libcublas-13-0"]
    })
    const volta = { ...a100(0), compute: 7, driver: "580.82.07" }
    const found = { ...complete.found, ...Object.fromEntries(built13.map((name) => [name, `/usr/lib/${name}`])) }
    expect(reportOf({ ...complete, gpus: [volta], providerNeeds: built13, found }, "cuda:0").missing)
      .toEqual(["a GPU of compute capability 7.5 or newer, for CUDA 13"])
  })

  it("with an old driver is told so", () => {
    const facts = { ...complete, gpus: [{ ...a100(0), driver: "470.256.02" }] }
    expect(reportOf(facts, "cuda:0")).toMatchObject({
      missing: ["driver 525.60.13 or newer, for CUDA 12"],
      install: ["sudo apt-get install cuda-drivers"]
    })
  })
})

describe("a machine without NVIDIA GPUs", () => {
  it("says that there is none, or that there is one without a driver", () => {
    const none: MachineFacts = { ...complete, gpus: "nvidia-smi, which comes with the driver, was not found", cards: 0 }
    expect(reportOf(none, "cuda")).toMatchObject({ ready: false, what: "no NVIDIA GPU", install: [] })
    expect(reportOf({ ...none, cards: 1 }, "cuda")).toMatchObject({
      what: "1 NVIDIA GPU without a driver",
      missing: ["the NVIDIA driver (nvidia-smi, which comes with the driver, was not found)"],
      install: ["sudo apt-get install cuda-drivers"]
    })
  })

  it("that is no Linux has no CUDA provider to install", () => {
    expect(reportOf({ ...complete, platform: "win32-x64" }, "cuda:0")).toMatchObject({
      missing: ["onnxruntime-node has no CUDA provider for win32-x64, only for linux-x64"],
      install: []
    })
  })

  it("needs Vulkan for WebGPU, on Linux", () => {
    const facts = { ...without(complete, "libvulkan.so.1"), vulkanDrivers: [] }
    expect(reportOf(facts, "webgpu")).toMatchObject({
      missing: ["libvulkan.so.1", "a Vulkan driver"],
      install: ["sudo apt-get install libvulkan1", "sudo apt-get install mesa-vulkan-drivers"]
    })
    expect(reportOf({ ...facts, platform: "darwin-arm64" }, "webgpu").ready).toBe(true)
  })

  it("on which onnxruntime does not load has no device at all", () => {
    const facts = { ...complete, runtime: "Cannot find module 'onnxruntime-node'" }
    expect(reportDevices(facts).every(({ ready }) => !ready)).toBe(true)
    expect(reportOf(facts, "cuda:0").install).toEqual(["npm install"])
  })
})

describe("versions", () => {
  it("compare by number, part by part", () => {
    expect(isOlder("525.60.13", "525.60.13")).toBe(false)
    expect(isOlder("525.60.9", "525.60.13")).toBe(true)
    expect(isOlder("1000.1", "525.60.13")).toBe(false)
    expect(isOlder("525", "525.60.13")).toBe(true)
  })
})
