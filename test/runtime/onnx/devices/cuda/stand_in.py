"""Builds stand-ins of the CUDA libraries, so that onnxruntime's CUDA provider loads where there is neither GPU nor CUDA.

Every function the provider asks for is there and does nothing but succeed; memory is the host's. A session can be made,
which is when onnxruntime decides where nodes run and what is copied. Running one computes nothing, but shows what a run asks
of the GPU: with STAND_IN_CUDA_LOG set, launches, copies and waits are written to standard error. Needs gcc, nm and strings.

    python stand_in.py <folder of libonnxruntime_providers_cuda.so> <target folder>
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = r"""
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
static char handle[64];
static void say(const char *what, size_t bytes) {
  if (getenv("STAND_IN_CUDA_LOG")) fprintf(stderr, "%s %zu\n", what, bytes);
}
int cudaGetDeviceCount(int *n) { *n = 1; return 0; }
int cudaSetDevice(int d) { const char *e = getenv("STAND_IN_CUDA_ERROR"); return e ? atoi(e) : d == 0 ? 0 : 101; }
int cudaGetDevice(int *d) { *d = 0; return 0; }
int cudaDriverGetVersion(int *v) { *v = 13000; return 0; }
int cudaRuntimeGetVersion(int *v) { *v = 13000; return 0; }
int cudaDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? 8 : a == 76 ? 0 : a == 16 ? 108 : 1; return 0; }
/* cudaDeviceProp: name, memory, shared memory per block, warp size, threads per block, compute capability 8.0. */
int cudaGetDeviceProperties(char *p, int d) {
  memset(p, 0, 728); strcpy(p, "stand-in");
  *(size_t *)(p + 288) = 80ull << 30; *(size_t *)(p + 296) = 49152;
  *(int *)(p + 308) = 32; *(int *)(p + 320) = 1024; *(int *)(p + 360) = 8;
  return 0;
}
int cudaMalloc(void **p, size_t n) {
  const char *limit = getenv("STAND_IN_CUDA_LIMIT");
  if (limit && n > (size_t)atoll(limit)) return 2;
  *p = malloc(n ? n : 1);
  /* Ones: a loop's condition stays true. */
  if (*p) memset(*p, 1, n);
  return *p ? 0 : 2;
}
int cudaMallocHost(void **p, size_t n) { *p = malloc(n ? n : 1); return *p ? 0 : 2; }
int cudaHostAlloc(void **p, size_t n, unsigned f) { *p = malloc(n ? n : 1); return *p ? 0 : 2; }
int cudaFree(void *p) { free(p); return 0; }
int cudaFreeHost(void *p) { free(p); return 0; }
int cudaMemGetInfo(size_t *f, size_t *t) { *f = 79ull << 30; *t = 80ull << 30; return 0; }
int cudaMemcpy(void *d, const void *s, size_t n, int k) { memcpy(d, s, n); return 0; }
int cudaMemcpyAsync(void *d, const void *s, size_t n, int k, void *st) {
  if (k == 1) say("to device", n);
  if (k == 2) say("to host", n);
  memcpy(d, s, n);
  return 0;
}
int cudaStreamSynchronize(void *s) { say("wait", 0); return 0; }
int cudaMemset(void *d, int v, size_t n) { memset(d, v, n); return 0; }
int cudaMemsetAsync(void *d, int v, size_t n, void *s) { memset(d, v, n); return 0; }
int cudaStreamCreate(void **s) { *s = handle; return 0; }
int cudaStreamCreateWithFlags(void **s, unsigned f) { *s = handle; return 0; }
int cudaEventCreate(void **e) { *e = handle; return 0; }
int cudaEventCreateWithFlags(void **e, unsigned f) { *e = handle; return 0; }
int cudaStreamIsCapturing(void *s, int *v) { *v = 0; return 0; }
const char *cudaGetErrorName(int e) { return "stand-in"; }
const char *cudaGetErrorString(int e) {
  return e == 101 ? "invalid device ordinal" : e == 2 ? "out of memory" : e == 100 ? "no CUDA-capable device is detected"
    : e == 35 ? "CUDA driver version is insufficient for CUDA runtime version" : "unknown error";
}
void **__cudaRegisterFatBinary(void *p) { static void *h[4]; return h; }
int cudaPointerGetAttributes(char *a, void *p) { memset(a, 0, 32); return 0; }
int cublasCreate_v2(void **h) { *h = handle; return 0; }
int cublasLtCreate(void **h) { *h = handle; return 0; }
int cudnnCreate(void **h) { *h = handle; return 0; }
size_t cudnnGetVersion() { return 92000; }
int cudnnGetReductionWorkspaceSize(void *a, void *b, void *c, void *d, size_t *n) { *n = 16; return 0; }
int cudnnGetReductionIndicesSize(void *a, void *b, void *c, void *d, size_t *n) { *n = 16; return 0; }
"""

LAUNCHES = (
    "cudaLaunchKernel __cudaLaunchKernel cudaLaunchKernelExC cudaLaunchCooperativeKernel cublasGemmEx cublasSgemm_v2 "
    "cublasGemmStridedBatchedEx cublasSgemmStridedBatched cublasSgemmBatched cublasGemmBatchedEx cublasLtMatmul "
    "cudnnReduceTensor").split()
SOURCE += "\n".join(f'int {name}() {{ say("launch", 0); return 0; }}' for name in LAUNCHES) + "\n"


def wanted(library):
    """Functions a library asks of others: name and, where it says so, which library's."""
    text = subprocess.run(["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    return {tuple((line.split()[-1] + "@").split("@")[:2]) for line in text.splitlines()}


def loaded_later(library):
    """cuDNN's functions, which the provider looks up by name when it first needs them."""
    text = subprocess.run(["strings", "-n", "6", library], check=True, capture_output=True, text=True).stdout
    return {line for line in text.splitlines() if re.fullmatch(r"cudnn[A-Z]\w+", line)}


def needed(library):
    text = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\[(lib(?:cu|nv)[^\]]+)\]", text)


def main(providers, target):
    target.mkdir(parents=True, exist_ok=True)
    libraries = [providers / f"libonnxruntime_providers_{name}.so" for name in ("cuda", "tensorrt")]
    names = sorted({name for library in libraries if library.exists() for name in needed(library)})
    functions = sorted({pair for library in libraries if library.exists() for pair in wanted(library)})
    given = set(re.findall(r"^(?:int|size_t|const char \*|void \*\*)\s*\*?(\w+)\(", SOURCE, re.M))
    for name in names:
        versioned = {function for function, version in functions if version == name}
        # What says no library belongs to the driver or to TensorRT; having it twice does no harm.
        loose = {function for function, version in functions if version == "" and re.match(r"cu[A-Z]|create|get[IP]|initLib", function)}
        own = versioned | (loose if not versioned else set())
        if name.startswith("libcudnn"):
            own |= loaded_later(libraries[0])
        rest = "\n".join(
            f"int {function}(void **h) {{ *h = handle; return 0; }}" if function.startswith("cudnnCreate")
            else f"int {function}() {{ return 0; }}" for function in sorted(own - given))
        (target / "stand_in.c").write_text(SOURCE + rest)
        (target / "stand_in.map").write_text(f"{name} {{ global: *; }};" if versioned else "{ global: *; };")
        subprocess.run(
            ["gcc", "-w", "-shared", "-fPIC", "-o", target / name, target / "stand_in.c", f"-Wl,-soname,{name}",
             f"-Wl,--version-script={target / 'stand_in.map'}"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
