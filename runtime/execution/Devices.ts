/**
 * Leases on devices. A lease is a particular device, not a count: two nodes that run at once on two GPUs each know which
 * one is theirs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

/** A device's name: `cpu`, `cuda:<n>` or `webgpu`. */
export const DeviceName = Schema.String.check(
  Schema.isPattern(/^(cpu|cuda:(0|[1-9]\d*)|webgpu)$/, { expected: "cpu, cuda:<number> or webgpu" })
)

/** The kind of a device, which decides numerics: `cuda` for `cuda:1`. */
export const deviceKind = (device: string): string => device.split(":")[0] ?? device

/** Devices of several kinds were given for one run. */
export class MixedDevices extends Schema.TaggedError<MixedDevices>()("MixedDevices", {
  devices: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `--device: ${
      this.devices.join(", ")
    } are of different kinds, and a result must not depend on which of them is free; `
      + "give devices of one kind."
  }
}

export class Devices extends Context.Service<Devices, {
  readonly names: ReadonlyArray<string>
  /** Waits for a free device, which is the caller's until the scope closes. */
  readonly lease: Effect.Effect<string, never, Scope.Scope>
}>()("gemflow/execution/Devices") {
  static readonly layer = (names: ReadonlyArray<string>): Layer.Layer<Devices> =>
    Layer.effect(
      Devices,
      Effect.gen(function*() {
        const free = [...names]
        const permits = yield* Semaphore.make(names.length)
        const take = Effect.sync(() => {
          const device = free.shift()
          if (device === undefined) throw new Error("there was a permit without a device")
          return device
        })
        const lease = Effect.andThen(
          permits.takeScoped(1),
          Effect.acquireRelease(take, (device) => Effect.sync(() => free.push(device)))
        )
        return Devices.of({ names, lease })
      })
    )
}

/** The devices of a run: those named, each once, of one kind; the CPU when none is. */
export const chooseDevices = (
  named: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, MixedDevices> => {
  const devices = named.length === 0 ? ["cpu"] : [...new Set(named)]
  return new Set(devices.map(deviceKind)).size > 1
    ? Effect.fail(new MixedDevices({ devices }))
    : Effect.succeed(devices)
}
