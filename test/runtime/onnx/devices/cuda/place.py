"""Prints where onnxruntime itself places a model's nodes on CUDA: per graph its nodes, those on the CPU and its copies.

What Placement.ts predicts, asked of onnxruntime. See README.md for how to run it without a GPU.
"""

import json
import sys

import onnxruntime

from extract import place


def walk(graph, path):
    copies = [node for node in graph.node if node.op_type.startswith("Memcpy")]
    print(json.dumps({
        "graph": path,
        "nodes": len(graph.node) - len(copies),
        "toHost": sorted(node.input[0].removesuffix("_CUDAExecutionProvider") for node in copies if node.op_type == "MemcpyToHost"),
        "fromHost": sorted(node.input[0] for node in copies if node.op_type == "MemcpyFromHost"),
    }))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                walk(attribute.g, attribute.g.name if path == "program" else f"{path}/{attribute.g.name}")


levels = {
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
level = levels[sys.argv[2]] if len(sys.argv) > 2 else levels["all"]
with open(sys.argv[1], "rb") as file:
    walk(place(file.read(), level), "program")
