import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cudaFiles, missingCudaFiles } from "../../../../runtime/onnx/devices/CudaFiles.ts"
import { librarySearch, parseCache } from "../../../../runtime/onnx/devices/LibrarySearch.ts"
import { Machine } from "../../../../runtime/onnx/devices/Machine.ts"
import { cudaLibraries, loadedLater, providerFiles } from "../../../../runtime/onnx/devices/Needs.ts"
import { parseGpus } from "../../../../runtime/onnx/devices/NvidiaSmi.ts"
import { machineLayer } from "../../../../runtime/onnx/devices/ReadMachine.ts"
import { neededLibraries } from "../../../../runtime/onnx/devices/SharedLibrary.ts"

const here = Effect.flatMap(Machine, ({ facts }) => facts).pipe(Effect.provide(machineLayer))

describe("the machine at hand", () => {
  it.effect("has a CPU, memory and onnxruntime's CPU provider", () =>
    Effect.gen(function*() {
      const { cpu, gpus, platform, runtime } = yield* here
      expect(platform).toBe(`${process.platform}-${process.arch}`)
      expect(cpu.cores).toBeGreaterThan(0)
      expect(cpu.memory / 2 ** 30).toBeGreaterThan(0.5)
      expect(cpu.memory / 2 ** 30).toBeLessThan(2 ** 14)
      expect(typeof gpus === "string" ? gpus !== "" : gpus.length > 0).toBe(true)
      if (typeof runtime === "string") throw new Error(runtime)
      expect(runtime.version).toMatch(/^1\.\d+\.\d+/)
      expect(runtime.backends).toContainEqual({ name: "cpu", bundled: true })
    }))
})

describe("shared libraries", () => {
  const folder = mkdtempSync(join(tmpdir(), "gemflow-libraries-"))

  it.effect.runIf(process.platform === "linux")("name what they need", () =>
    Effect.gen(function*() {
      const { runtime } = yield* here
      if (typeof runtime === "string") throw new Error(runtime)
      const needs = neededLibraries(join(runtime.libraries, "onnxruntime_binding.node"))
      expect(needs?.[0]).toBe("libonnxruntime.so.1")
      expect(needs).toContain("libc.so.6")
    }))

  it.effect.runIf(process.platform === "linux")("that are torn, or none, name nothing", () =>
    Effect.gen(function*() {
      const { runtime } = yield* here
      if (typeof runtime === "string") throw new Error(runtime)
      const whole = readFileSync(join(runtime.libraries, "onnxruntime_binding.node"))
      const path = join(folder, "torn.so")
      for (const length of [0, 3, 63, 64, 200, 5000]) {
        writeFileSync(path, whole.subarray(0, length))
        expect(neededLibraries(path)).toBeUndefined()
      }
      const hostile = Buffer.from(whole.subarray(0, 5000))
      hostile.writeBigUInt64LE(2n ** 63n, 32)
      writeFileSync(path, hostile)
      expect(neededLibraries(path)).toBeUndefined()
      writeFileSync(path, "#!/bin/sh\n".repeat(100))
      expect(neededLibraries(path)).toBeUndefined()
    }))

  it("are found where the loader looks", () => {
    writeFileSync(join(folder, "libcudnn.so.9"), "")
    expect(librarySearch([folder])("libcudnn.so.9")).toBe(join(folder, "libcudnn.so.9"))
    expect(librarySearch([])("libnothing-of-this-name.so.1")).toBeUndefined()
    rmSync(folder, { recursive: true })
  })

  it("are read from ldconfig's list, for this kind of processor", () => {
    const found = parseCache([
      "524 libs found in cache `/etc/ld.so.cache'",
      "\tlibcudart.so.12 (libc6) => /usr/lib/i386-linux-gnu/libcudart.so.12",
      "\tlibcudart.so.12 (libc6,x86-64) => /usr/local/cuda/lib64/libcudart.so.12",
      "\tlibcudart.so.12 (libc6,x86-64) => /opt/cuda/lib64/libcudart.so.12",
      "\tlibm.so.6 (libc6,x86-64, OS ABI: Linux 3.2.0) => /lib/x86_64-linux-gnu/libm.so.6"
    ].join("\n"))
    expect([...found]).toEqual([
      ["libcudart.so.12", "/usr/local/cuda/lib64/libcudart.so.12"],
      ["libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6"]
    ])
  })
})

describe("nvidia-smi", () => {
  it("lists a GPU a line", () => {
    const text = "0, NVIDIA A100-SXM4-80GB, 81920, 535.183.06, 8.0\n1, NVIDIA A100-SXM4-80GB, 81920, 535.183.06, 8.0\n"
    expect(parseGpus(text)).toEqual([0, 1].map((index) => ({
      index,
      name: "NVIDIA A100-SXM4-80GB",
      memory: 81920,
      driver: "535.183.06",
      compute: 8
    })))
  })
  it("may not know everything, or nothing", () => {
    expect(parseGpus("0, NVIDIA A100, [N/A], 535.183.06, [N/A]\n")).toEqual([
      { index: 0, name: "NVIDIA A100", memory: 0, driver: "535.183.06", compute: 0 }
    ])
    expect(parseGpus("No devices were found\n")).toBe("nvidia-smi: No devices were found")
    expect(parseGpus("\n")).toBe("nvidia-smi lists no GPU")
  })
})

describe("the CUDA provider", () => {
  it("lacks what is not beside the binding, and what the loader does not find", () => {
    const folder = mkdtempSync(join(tmpdir(), "gemflow-provider-"))
    try {
      const nowhere = { ...cudaFiles(folder), search: () => undefined }
      expect(missingCudaFiles(nowhere)).toEqual([...providerFiles, ...cudaLibraries, ...loadedLater])
      // Not a library: what it needs is unknown, so what the release needs is looked for.
      writeFileSync(join(folder, providerFiles[0]), "")
      const found = { ...cudaFiles(folder), search: (name: string) => name.includes("cudnn") ? undefined : name }
      expect(missingCudaFiles(found)).toEqual([providerFiles[1], "libcudnn.so.9"])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
