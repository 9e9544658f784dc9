/**
 * Leases on devices. A lease is of particular devices, not of a count: two nodes that run at once on two GPUs each know
 * which one is theirs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type Place, placesOf } from "../onnx/Place.ts"

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

/** A node asks for more devices than the run has. */
export class TooFewDevices extends Schema.TaggedError<TooFewDevices>()("TooFewDevices", {
  node: Schema.String,
  asked: Schema.Int,
  devices: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const { asked, devices, node } = this
    return `${node} asks for ${asked} devices, and this run has ${devices.length} (${
      devices.join(", ")
    }). Name as many `
      + `with --device, cpu several times for several workers on its cores, or set ${node}.devices=${devices.length}.`
  }
}

export class Devices extends Context.Service<Devices, {
  /** A name for each; the CPU's as often as it has workers. */
  readonly names: ReadonlyArray<string>
  /**
   * Waits until so many devices are free, and takes them all at once: they are the caller's until the scope closes. Who asks
   * first is served first, so that one who needs many is not overtaken for ever.
   */
  readonly lease: (count: number) => Effect.Effect<ReadonlyArray<Place>, never, Scope.Scope>
}>()("gemflow/execution/Devices") {
  static readonly layer = (names: ReadonlyArray<string>): Layer.Layer<Devices> =>
    Layer.effect(
      Devices,
      Effect.gen(function*() {
        const places = placesOf(names)
        const free = new Set(places)
        const permits = yield* Semaphore.make(names.length)
        const turn = yield* Semaphore.make(1)
        const lease = (count: number) =>
          Effect.andThen(
            turn.withPermit(permits.takeScoped(count)),
            Effect.acquireRelease(
              Effect.sync(() => {
                const taken = places.filter((place) => free.has(place)).slice(0, count)
                for (const place of taken) free.delete(place)
                return taken
              }),
              (taken) => Effect.sync(() => taken.forEach((place) => free.add(place)))
            )
          )
        return Devices.of({ names, lease })
      })
    )
}

/**
 * The devices of a run: those named, of one kind; the CPU when none is. A GPU counts once however often it is named, the
 * CPU as often as it is: each is a worker with its share of the cores.
 */
export const chooseDevices = (
  named: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, MixedDevices> => {
  const devices = named.length === 0 ?
    ["cpu"]
    : named.filter((name, index) => name === "cpu" || named.indexOf(name) === index)
  return new Set(devices.map(deviceKind)).size > 1
    ? Effect.fail(new MixedDevices({ devices }))
    : Effect.succeed(devices)
}
