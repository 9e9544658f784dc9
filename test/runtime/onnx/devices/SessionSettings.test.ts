import { describe, expect, it } from "@effect/vitest"
import { availableParallelism } from "node:os"
import { sessionSettings } from "../../../../runtime/onnx/devices/SessionSettings.ts"

describe("session settings", () => {
  it("give a GPU's host no threads to spin, and the CPU all its cores", () => {
    expect(sessionSettings("cuda:3", {}, undefined)).toMatchObject({
      executionProviders: [{ name: "cuda", deviceId: 3 }],
      intraOpNumThreads: 1
    })
    expect(sessionSettings("webgpu", {}, undefined)).toMatchObject({
      executionProviders: ["webgpu"],
      intraOpNumThreads: 1
    })
    expect(sessionSettings("cpu", {}, undefined)).toMatchObject({
      executionProviders: ["cpu"],
      intraOpNumThreads: availableParallelism()
    })
    expect(sessionSettings("cuda:0", { threads: 4 }, undefined).intraOpNumThreads).toBe(4)
  })

  it("say where weights lie, and what not to prepack", () => {
    expect(sessionSettings("cpu", { prepack: false }, "/weights").extra).toEqual({
      session: { model_external_initializers_file_folder_path: "/weights", disable_prepacking: "1" }
    })
    expect(sessionSettings("cpu", {}, undefined).extra).toEqual({ session: {} })
  })
})
