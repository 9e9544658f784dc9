import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/** A GPU as `nvidia-smi` describes it. */
export interface Gpu {
  /** The n of `cuda:<n>`. */
  readonly index: number
  readonly name: string
  /** MiB in all. */
  readonly memory: number
  readonly driver: string
  /** Compute capability: 8.0 is an A100. TF32 and bfloat16 need 8.0. */
  readonly compute: number
}

/** onnxruntime-node as it is installed. */
export interface InstalledRuntime {
  readonly version: string
  /** Its package folder. */
  readonly folder: string
  /** Where its libraries for this platform lie, and those for CUDA belong. */
  readonly libraries: string
  /** Providers this build knows of, as `listSupportedBackends` names them; `bundled` ones need no further library. */
  readonly backends: ReadonlyArray<{ readonly name: string; readonly bundled: boolean }>
}

/** What was found on this machine, without judging it. */
export interface MachineFacts {
  /** As Node names it: `linux-x64`. */
  readonly platform: string
  readonly cpu: { readonly model: string; readonly cores: number; /** Bytes. */ readonly memory: number }
  /** The NVIDIA GPUs, or why none could be listed. */
  readonly gpus: ReadonlyArray<Gpu> | string
  /** NVIDIA GPUs on the bus, which `gpus` misses when there is no driver. */
  readonly cards: number
  /** Or why it cannot be used. */
  readonly runtime: InstalledRuntime | string
  /** Files of the CUDA provider that are there, beside the binding. */
  readonly providerFiles: ReadonlyArray<string>
  /** CUDA libraries that the installed CUDA provider names as its own needs; undefined when it is not installed. */
  readonly providerNeeds: ReadonlyArray<string> | undefined
  /** Where the loader would find a library, by file name; absent when it would not. */
  readonly found: Readonly<Record<string, string>>
  /** Vulkan drivers that announce themselves, as files. */
  readonly vulkanDrivers: ReadonlyArray<string>
  readonly installer: "apt" | "dnf" | "pip"
}

/** The machine gemflow runs on. */
export class Machine extends Context.Service<Machine, {
  readonly facts: Effect.Effect<MachineFacts>
}>()("gemflow/onnx/devices/Machine") {}
