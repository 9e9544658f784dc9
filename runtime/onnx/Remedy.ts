/** What someone can do about a problem onnxruntime reports, by what its message says. */
export const remedyFor = (problem: string, device: string): string =>
  remedies.find(({ on, when }) => when.test(problem) && (on === undefined || device.startsWith(on)))
    ?.remedy(problem, device) ?? deviceRemedy(device)

interface Remedy {
  readonly when: RegExp
  /** The devices it holds for, by how their names start. */
  readonly on?: string
  readonly remedy: (problem: string, device: string) => string
}

/** In the order in which memory is won back: batches first, as results do not depend on them. */
const less = [
  "lower the limits of a batch (`bytes`, `rows`, `tokens` of openPolicy)",
  "recompute layers in training",
  "train an adapter, of a lower rank, in place of all weights",
  "quantise its base"
].join("; ")

const remedies: ReadonlyArray<Remedy> = [
  {
    when:
      /bad_alloc|out of memory|failed to allocate|Array buffer allocation failed|CUDA failure 2\b|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED/i,
    remedy: (problem, device) =>
      device.startsWith("cuda")
        ? `The GPU is out of memory${
          asked(problem)
        }: ${less}. nvidia-smi shows whether another process holds memory of it`
        : `The machine is out of memory${asked(problem)}: ${less}`
  },
  {
    when: /CUDA failure 101\b|invalid device ordinal/,
    on: "cuda",
    remedy: (_, device) =>
      `There is no GPU ${device.slice("cuda:".length)} that this process may use (CUDA_VISIBLE_DEVICES hides some and `
      + "counts the rest from 0). gemflow devices lists what there is"
  },
  {
    when: /CUDA failure 100\b|no CUDA-capable device/,
    on: "cuda",
    remedy: () =>
      "The driver finds no GPU (an empty CUDA_VISIBLE_DEVICES hides all of them; a container needs --gpus). "
      + "gemflow devices lists what there is"
  },
  {
    when: /CUDA failure (35|803|804)\b|driver version is insufficient|forward compatibility/,
    on: "cuda",
    remedy: () =>
      "The NVIDIA driver is older than the CUDA version onnxruntime was built for; gemflow devices says which one is "
      + "needed and how to install it"
  },
  {
    when: /CUDA failure 209\b|no kernel image is available/,
    on: "cuda",
    remedy: () => "onnxruntime's CUDA libraries have no code for this GPU: it is too old, or too new for this release"
  },
  {
    when: /does not load|load shared library|cannot open shared object|Failed to load library/,
    on: "cuda",
    remedy: () => "gemflow devices says how to install it"
  },
  {
    when: /cuDNN (library )?(is|was) not|cuDNN handle is required|libcudnn|CUDNN_STATUS_NOT_INITIALIZED/,
    on: "cuda",
    remedy: () =>
      "Install cuDNN 9 where the loader finds it; gemflow devices says what is missing and the command for it"
  },
  {
    when: /Failed to get a WebGPU adapter|No supported adapters|Vulkan/,
    on: "webgpu",
    remedy: () => "WebGPU finds no GPU with a driver; gemflow devices says what is missing"
  },
  {
    when: /external (data|initializer)|external_data|No such file/i,
    remedy: () => "Check that the weights file is complete and in the folder given as `weights`"
  },
  { when: /worker thread/, remedy: () => "Open the program again; if it ends again, use smaller batches" },
  { when: /no value was given/, remedy: () => "Feed them, or carry them from an earlier run" },
  {
    when: /no input|no output|was given|cannot be carried|is carried to|but holds|\bis \d+ in\b/,
    remedy: () => "Correct the request"
  }
]

/** " for 1.2 GiB", where the message says how much was wanted. */
const asked = (problem: string): string => {
  const bytes = Number(/requested buffer of size (\d+)/.exec(problem)?.[1])
  if (!(bytes > 0)) return ""
  return bytes < 2 ** 30
    ? ` for ${(bytes / 2 ** 20).toFixed(1)} MiB more`
    : ` for ${(bytes / 2 ** 30).toFixed(1)} GiB more`
}

const deviceRemedy = (device: string): string => {
  if (device.startsWith("cuda")) return "gemflow devices says what CUDA needs here, and what is missing"
  if (device === "webgpu") {
    return "WebGPU needs a GPU driver with Vulkan, Metal or Direct3D 12; run on the device cpu otherwise"
  }
  if (device !== "cpu") return "Devices are cpu, cuda:<n> and webgpu"
  return "This is a fault of the program or of a value fed to it"
}
