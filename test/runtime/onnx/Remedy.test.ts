/** Messages as onnxruntime gave them: on a CPU, on GPUs in reports of its users, and with stand-ins of the CUDA libraries. */
import { describe, expect, it } from "@effect/vitest"
import { remedyFor } from "../../../runtime/onnx/Remedy.ts"
import { tellingPart } from "../../../runtime/onnx/TellingPart.ts"

const cudaCall = (failure: string): string =>
  "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, "
  + "onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, "
  + "int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = "
  + "void] /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:146 std::conditional_t<THRW, void, "
  + "onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, "
  + "int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = "
  + `void] CUDA failure ${failure} ; GPU=0 ; hostname=vm ; `
  + "file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; "
  + "expr=cudaSetDevice(info_.device_id); \n\n"

const outOfMemory = "Non-zero status code returned while running ReduceSum node. Name:'ReduceSum_4' Status Message: "
  + "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
  + "onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of size 939524096\n"

const atOpening = "Exception during initialization: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* "
  + "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested "
  + "buffer of size 65536"

const noAdapter = "/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 "
  + "onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> "
  + "adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters"

describe("the telling part of a message", () => {
  it("is what failed, without onnxruntime's own sources", () => {
    expect(tellingPart(cudaCall("101: invalid device ordinal")))
      .toBe("CUDA failure 101: invalid device ordinal (cudaSetDevice(info_.device_id))")
    expect(tellingPart(outOfMemory)).toBe(
      "Non-zero status code returned while running ReduceSum node. Name:'ReduceSum_4' Status Message: "
        + "Failed to allocate memory for requested buffer of size 939524096"
    )
    expect(tellingPart(atOpening))
      .toBe("Exception during initialization: Failed to allocate memory for requested buffer of size 65536")
    expect(
      tellingPart(
        `Non-zero status code returned while running MatMul node. Name:'m' Status Message: ${
          cudaCall("700: an illegal memory access was encountered")
        }`
      )
    ).toBe(
      "Non-zero status code returned while running MatMul node. Name:'m' Status Message: "
        + "CUDA failure 700: an illegal memory access was encountered (cudaSetDevice(info_.device_id))"
    )
  })

  it("is all of any other message, in one line without a full stop", () => {
    expect(tellingPart("std::bad_alloc")).toBe("std::bad_alloc")
    expect(tellingPart("the session\nis closed. ")).toBe("the session is closed")
    const path = "Load model from /home/me/onnxruntime/model.onnx failed:File doesn't exist"
    expect(tellingPart(path)).toBe(path)
  })
})

describe("the remedy", () => {
  const of = (message: string, device: string) => remedyFor(tellingPart(message), device)

  it("for too little memory says what to lower, and how much was wanted", () => {
    expect(of(outOfMemory, "cuda:0")).toBe(
      "The GPU is out of memory for 896.0 MiB more: lower the limits of a batch (`bytes`, `rows`, `tokens` of openPolicy); "
        + "recompute layers in training; train an adapter, of a lower rank, in place of all weights; quantise its base. "
        + "nvidia-smi shows whether another process holds memory of it"
    )
    expect(of(outOfMemory, "cpu")).toMatch(
      /^The machine is out of memory for 896\.0 MiB more: lower the limits of a batch/
    )
    expect(of(cudaCall("2: out of memory"), "cuda:3")).toMatch(/^The GPU is out of memory: lower/)
    expect(of("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_); ", "cuda:0"))
      .toMatch(/^The GPU is out of memory: lower/)
    expect(of("std::bad_alloc", "cpu")).toMatch(/^The machine is out of memory: lower/)
    expect(of(atOpening.replace("65536", "2830172160"), "cuda:0")).toContain("for 2.6 GiB more")
  })

  it("for a GPU that is not there names it, and the list", () => {
    expect(of(cudaCall("101: invalid device ordinal"), "cuda:7")).toBe(
      "There is no GPU 7 that this process may use (CUDA_VISIBLE_DEVICES hides some and counts the rest from 0). "
        + "gemflow devices lists what there is"
    )
    expect(of(cudaCall("100: no CUDA-capable device is detected"), "cuda:0")).toMatch(/^The driver finds no GPU/)
  })

  it("for an old driver, and for missing libraries, points to what says the version and the command", () => {
    expect(of(cudaCall("35: CUDA driver version is insufficient for CUDA runtime version"), "cuda:0"))
      .toMatch(/^The NVIDIA driver is older .* gemflow devices says which one is needed/)
    expect(of("onnxruntime's CUDA provider does not load, for want of libcublasLt.so.12, libcudnn.so.9", "cuda:0"))
      .toBe("gemflow devices says how to install it")
    const shared = "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library"
    expect(of(shared, "cuda:0")).toBe("gemflow devices says how to install it")
    expect(of("A cuDNN handle is required for CUDA reduction.", "cuda:0")).toMatch(/^Install cuDNN 9/)
    expect(of("cuDNN is not available. Install cuDNN, update the system library search path", "cuda:0"))
      .toMatch(/^Install cuDNN 9/)
    expect(of(cudaCall("209: no kernel image is available for execution on the device"), "cuda:0"))
      .toMatch(/have no code for this GPU/)
  })

  it("for WebGPU without an adapter points to the list", () => {
    expect(of(noAdapter, "webgpu")).toBe("WebGPU finds no GPU with a driver; gemflow devices says what is missing")
  })

  it("is one sentence for every message and device", () => {
    for (const device of ["cpu", "cuda:0", "webgpu", "tpu"]) {
      for (const message of [outOfMemory, atOpening, noAdapter, cudaCall("1: x"), "no value was given", "anything"]) {
        expect(of(message, device)).toMatch(/^[A-Z].*[^.]$|^gemflow /)
      }
    }
  })
})
