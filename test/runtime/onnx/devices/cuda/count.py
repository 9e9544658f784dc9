"""Counts what a run of a program asks of the GPU between one wait of the host and the next: launches and copies.

    STAND_IN_CUDA_LOG=1 python count.py model.onnx name=size ... 2>&1 >/dev/null | python count.py

With the stand-ins nothing is computed, so a loop runs until something fails; what its iterations ask for is told all the same.
"""

import sys
from collections import Counter

if len(sys.argv) > 1:
    import numpy
    import onnxruntime

    sizes = dict(pair.split("=") for pair in sys.argv[2:])
    types = {"tensor(int32)": "int32", "tensor(int64)": "int64", "tensor(float)": "float32", "tensor(bool)": "bool"}
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CUDAExecutionProvider"])
    session.run(None, {
        port.name: numpy.zeros(
            [dim if isinstance(dim, int) else int(sizes.get(dim, 0)) for dim in port.shape], types[port.type])
        for port in session.get_inputs()})
else:
    rounds, current = [], Counter()
    for line in sys.stdin:
        kind, _, size = line.strip().rpartition(" ")
        if kind in ("launch", "to device"):
            current[kind] += 1
        elif kind == "to host":
            rounds.append((size, *sorted(current.items())))
            current = Counter()
    for found, times in Counter(rounds).most_common(3):
        print(f"{times} times: {found[0]} bytes to the host after", ", ".join(f"{n} x {kind}" for kind, n in found[1:]))
