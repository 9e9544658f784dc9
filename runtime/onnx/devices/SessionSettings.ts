import { availableParallelism } from "node:os"
import type { InferenceSession } from "onnxruntime-node"
import type { SessionOptions } from "../WorkerProtocol.ts"

/**
 * How onnxruntime is asked to run a program on a device. Of the CUDA provider's own settings onnxruntime-node passes on the
 * number of the GPU alone (docs/devices.md): the rest of what is set here is the session's.
 *
 * @param weights the folder that the locations of the program's external data are relative to.
 */
export const sessionSettings = (
  device: string,
  options: SessionOptions,
  weights: string | undefined
): InferenceSession.SessionOptions => {
  const gpu = device !== "cpu"
  return {
    executionProviders: [provider(device)],
    graphOptimizationLevel: options.optimisation ?? "all",
    // Beside a GPU the host only computes shapes, for which threads are in the way; one that waits for work spins.
    intraOpNumThreads: options.threads ?? (gpu ? 1 : availableParallelism()),
    interOpNumThreads: 1,
    executionMode: "sequential",
    enableCpuMemArena: options.arena ?? true,
    // Planning a run's memory from the one before takes a second block beside what the arena already holds.
    enableMemPattern: false,
    // Errors come back as values; onnxruntime need not print them as well.
    logSeverityLevel: 4,
    extra: {
      session: {
        ...(weights !== undefined && { model_external_initializers_file_folder_path: weights }),
        ...(options.prepack === false && { disable_prepacking: "1" })
      }
    }
  }
}

const provider = (device: string): InferenceSession.ExecutionProviderConfig =>
  device.startsWith("cuda:") ? { name: "cuda", deviceId: Number(device.slice("cuda:".length)) } : device
