/** What someone can do about a problem onnxruntime reports, by what its message says. */
export const remedyFor = (problem: string, device: string): string =>
  remedies.find(({ when }) => when.test(problem))?.remedy ?? deviceRemedy(device)

const remedies: ReadonlyArray<{ readonly when: RegExp; readonly remedy: string }> = [
  {
    when: /bad_alloc|out of memory|failed to allocate|Failed to allocate/i,
    remedy: "The device is out of memory: use smaller batches or shorter sequences"
  },
  {
    when: /external (data|initializer)|external_data|No such file/i,
    remedy: "Check that the weights file is complete and in the folder given as `weights`"
  },
  { when: /worker thread/, remedy: "Open the program again; if it ends again, use smaller batches" },
  { when: /no value was given/, remedy: "Feed them, or carry them from an earlier run" },
  {
    when: /no input|no output|was given|cannot be carried|is carried to|but holds|\bis \d+ in\b/,
    remedy: "Correct the request"
  }
]

const deviceRemedy = (device: string): string => {
  if (device.startsWith("cuda")) {
    return "CUDA needs an NVIDIA driver, CUDA 12 with cuDNN 9, and onnxruntime's CUDA libraries: " +
      "node node_modules/onnxruntime-node/script/install --onnxruntime-node-install=cuda12"
  }
  if (device === "webgpu") {
    return "WebGPU needs a GPU driver with Vulkan, Metal or Direct3D 12; run on the device cpu otherwise"
  }
  if (device !== "cpu") return "Devices are cpu, cuda:<n> and webgpu"
  return "This is a fault of the program or of a value fed to it"
}
