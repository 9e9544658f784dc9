/** The config field of nodes that may compute on several devices at once. */
import { outsideKey } from "gemflow"
import { Count, optional } from "./Field.ts"

const spread = "Devices to compute on at once, of those that the run is given with --device: "

/** Of nodes that sample or score. Batches are the same whatever this is, so it is no part of the key. */
export const samplingDevices = outsideKey(
  optional(Count, 1, `${spread}each free one takes the next batch. Results are the same.`)
)

/** Of nodes that train. Sums of gradients differ in their last bits with the number of devices, so it is part of the key. */
export const trainingDevices = optional(
  Count,
  1,
  `${spread}each takes a part of every step, and gradients are added. Results differ in their last bits.`
)

/** For `Node.make`. */
export const devicesOf = ({ devices }: { readonly devices: number }): number => devices
