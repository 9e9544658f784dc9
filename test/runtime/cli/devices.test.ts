import { describe, expect, it } from "@effect/vitest"
import { devicesText } from "../../../runtime/cli/DevicesCommand.ts"
import { reportDevices } from "../../../runtime/onnx/devices/DeviceReport.ts"
import { complete, without } from "../onnx/devices/machines.ts"
import { temporaryProject } from "./TemporaryProject.ts"

describe("gemflow devices", () => {
  it("lists this machine's devices, also as JSON", async () => {
    const { inProcess } = temporaryProject()
    const { code, out } = await inProcess("devices")
    expect(code).toBe(0)
    expect(out).toMatch(/^device +what it is +memory +verdict\ncpu .* GiB {2}ready$/m)
    const json: unknown = JSON.parse((await inProcess("devices", "--json")).out)
    expect(json).toMatchObject({
      devices: [{ device: "cpu", ready: true, missing: [], install: [] }, {}, {}],
      platform: `${process.platform}-${process.arch}`,
      onnxruntime: { version: expect.stringMatching(/^1\./) }
    })
  })

  it("gives one command for GPUs that lack the same", () => {
    const facts = without(complete, "libcudnn.so.9")
    expect(devicesText(reportDevices(facts), facts).split("\n").slice(-2)).toEqual([
      "For cuda:0, cuda:1:",
      "  sudo apt-get install libcudnn9-cuda-12"
    ])
  })

  it("has nothing to install where everything is", () => {
    const text = devicesText(reportDevices(complete), complete)
    expect(text.match(/ready$/gm)).toHaveLength(4)
    expect(text).not.toContain("For ")
  })
})
