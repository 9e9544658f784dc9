import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { DeviceReport } from "../onnx/devices/DeviceReport.ts"
import type { MachineFacts } from "../onnx/devices/Machine.ts"
import * as Options from "./Options.ts"
import { outputWidth, print, printJson } from "./Output.ts"
import { styleOf } from "./render/Style.ts"
import { oneLine, textTable } from "./render/TextTable.ts"

export const devicesCommand = Command.make("devices", {
  json: Options.json("Print the devices as JSON, with what was found of their libraries")
}, ({ json }) =>
  Effect.gen(function*() {
    const { Machine, machineLayer, reportDevices } = yield* Effect.promise(() => load())
    const facts = yield* Effect.flatMap(Machine, (machine) => machine.facts).pipe(Effect.provide(machineLayer))
    const devices = reportDevices(facts)
    yield* json ? printJson({ devices, ...findings(facts) }) : print(devicesText(devices, facts))
  })).pipe(
    Command.withDescription(
      "List the devices of this machine for --device, what each lacks, and the command that installs it."
    ),
    Command.withShortDescription("List devices and what they lack"),
    Command.withExamples([
      { command: "gemflow devices", description: "What this machine has, and what is missing" },
      { command: "gemflow devices --json", description: "The same for a script" }
    ])
  )

/** Nothing but this command needs these, so nothing else waits for them. */
const load = async () => {
  const [{ Machine }, { machineLayer }, { reportDevices }] = await Promise.all([
    import("../onnx/devices/Machine.ts"),
    import("../onnx/devices/ReadMachine.ts"),
    import("../onnx/devices/DeviceReport.ts")
  ])
  return { Machine, machineLayer, reportDevices }
}

const findings = ({ found, platform, providerFiles, providerNeeds, runtime }: MachineFacts) => ({
  platform,
  onnxruntime: runtime,
  cudaProvider: { files: providerFiles, needs: providerNeeds ?? null },
  libraries: found
})

/** A table of devices, then per kind of lack the commands that mend it. */
export const devicesText = (devices: ReadonlyArray<DeviceReport>, { platform, runtime }: MachineFacts): string => {
  const style = styleOf(process.stdout)
  const table = textTable(
    [
      { title: "device", align: "left" },
      { title: "what it is", align: "left" },
      { title: "memory", align: "right" },
      { title: "verdict", align: "left" }
    ],
    devices.map(({ device, memory, missing, ready, what }) => [
      device,
      oneLine(what),
      memory === undefined ? "" : `${(memory / 2 ** 30).toFixed(1)} GiB`,
      ready ? "ready" : `missing: ${oneLine(missing.join(", "))}`
    ]),
    style,
    outputWidth()
  )
  const about = typeof runtime === "string" ? [] : [`onnxruntime-node ${runtime.version}, ${platform}`]
  return [table, "", ...about, ...installText(devices)].join("\n")
}

/** Devices that lack the same are mended together. */
const installText = (devices: ReadonlyArray<DeviceReport>): ReadonlyArray<string> => {
  const together = new Map<string, ReadonlyArray<string>>()
  for (const { device, install } of devices) {
    if (install.length === 0) continue
    const commands = install.join("\n  ")
    together.set(commands, [...(together.get(commands) ?? []), device])
  }
  return [...together].map(([commands, names]) => `\nFor ${names.join(", ")}:\n  ${commands}`)
}
