/** What an A100 can do, as NVIDIA states it (A100 datasheet, 2021), and what is assumed of the machine around it. */
export interface Gpu {
  readonly name: string
  /** Bytes. */
  readonly memory: number
  /** Bytes per second of its memory. */
  readonly bandwidth: number
}

export const gpus: ReadonlyArray<Gpu> = [
  { name: "A100 80 GB", memory: 80e9, bandwidth: 2.039e12 },
  { name: "A100 40 GB", memory: 40e9, bandwidth: 1.555e12 }
]

/** Floating-point operations per second of dense matrix products. */
export const peak = { bfloat16: 312e12, tf32: 156e12 } as const

/** Bytes per second that one GPU moves each way between itself and the host: PCIe 4.0 x16 gives 25 GB/s of its 32. */
export const pcie = 25e9

/** Bytes per second between GPUs, both ways together. gemflow does not use it: gradients meet on the host. */
export const nvlink = 600e9

export const devices = 8

/**
 * What the host asks of a GPU per decoded token in the float32 program, as test/runtime/onnx/devices/cuda/count.py counts it:
 * kernels and small uploads, of all layers together and of each; and the seconds that each is assumed to take it.
 */
export const asked = { kernels: 58, kernelsPerLayer: 31, uploads: 1, uploadsPerLayer: 12, seconds: 5e-6 } as const
