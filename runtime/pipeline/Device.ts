import * as Context from "effect/Context"
import type { Place } from "../onnx/Place.ts"

/**
 * The devices leased to the node that runs, to be given to `openPolicy` as they are: always particular ones, never a count.
 * One, unless the node asks for more (`devices` of `Node.make`).
 */
export class Device extends Context.Service<Device, ReadonlyArray<Place>>()("gemflow/pipeline/Device") {}
