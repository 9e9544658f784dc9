import * as Context from "effect/Context"

/** The device leased to the node that runs, e.g. `cpu` or `cuda:0`: always a particular device, never a count. */
export class Device extends Context.Service<Device, string>()("gemflow/pipeline/Device") {}
