/** Where a session computes: a device, and which of the worker threads there. */
import { availableParallelism } from "node:os"

export interface Place {
  /** `cpu`, `cuda:<n>` or `webgpu`. */
  readonly device: string
  /** Counts from 0. */
  readonly worker: number
  /** How many workers there are on the device, among which the CPU's cores are shared. */
  readonly workers: number
}

/** A place, several of them, or names of devices, of which each mention is a worker of its own. */
export type Places = string | Place | ReadonlyArray<string | Place>

/** The places that names of devices mean: `["cpu", "cpu"]` is the CPU's worker 0 and its worker 1. */
export const placesOf = (places: Places): ReadonlyArray<Place> => {
  const given = typeof places === "string" || "device" in places ? [places] : places
  const deviceOf = (place: string | Place) => typeof place === "string" ? place : place.device
  return given.map((place, index) => {
    if (typeof place !== "string") return place
    const same = given.map(deviceOf)
    const worker = same.slice(0, index).filter((other) => other === place).length
    return { device: place, worker, workers: same.filter((other) => other === place).length }
  })
}

/** Threads within an op for each of several workers on the CPU. */
export const threadsOf = (workers: number): number => Math.max(1, Math.floor(availableParallelism() / workers))
