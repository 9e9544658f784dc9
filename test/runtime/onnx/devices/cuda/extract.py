"""Writes kernels.json: which kernels onnxruntime's CUDA provider has, and which of their inputs and outputs lie in CPU memory.

It asks the provider itself, as it is in the wheel onnxruntime-gpu; no GPU is needed, since nothing is computed. The list of
kernels is what docs/OperatorKernels.md of onnxruntime is generated from. What lies in CPU memory is not listed anywhere:
per op a small program is loaded whose values all come from the GPU, and the copies that onnxruntime adds to it are read
off. See README.md for how to run it.
"""

import json
import os
import sys
import tempfile

import onnx
import onnxruntime
import onnxruntime.capi.onnxruntime_pybind11_state as state
from onnx import TensorProto, helper

OPSETS = {"": 21, "com.microsoft": 1}
TYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bfloat16)": "bfloat16",
    "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(int4)": "int4", "tensor(uint4)": "uint4",
    "tensor(int32)": "int32", "tensor(int64)": "int64", "tensor(bool)": "bool",
}
CODES = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16, "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8, "int32": TensorProto.INT32, "int64": TensorProto.INT64, "bool": TensorProto.BOOL,
}


def schemas():
    """The schema of each op at our opsets: the newest that is not newer."""
    found = {}
    for schema in state.get_all_operator_schema():
        limit = OPSETS.get(schema.domain)
        if limit is None or schema.since_version > limit:
            continue
        key = (schema.domain, schema.name)
        if key not in found or found[key].since_version < schema.since_version:
            found[key] = schema
    return found


def kernels_of(schema, definitions):
    """Type constraints of each kernel that serves the schema's version."""
    matching = []
    for kernel in definitions.get((schema.domain, schema.name), []):
        start, end = kernel.version_range
        if start == schema.since_version or (end != 2147483647 and start <= schema.since_version <= end):
            matching.append({
                variable: sorted(TYPES[name] for name in names if name in TYPES)
                for variable, names in sorted(kernel.type_constraints.items())
            })
    return matching


def parameter(formal):
    """A type variable, or the one type an input has; "..." after it when it repeats."""
    name = TYPES.get(formal.typeStr, formal.typeStr)
    return name + "..." if formal.option == state.schemadef.OpSchema.FormalParameterOption.Variadic else name


# Per op the inputs of a small example: type and shape, None for one left out; then attributes.
F, I, L, B = "float32", "int32", "int64", "bool"
EXAMPLES = {
    **{op: ([(F, [2, 3])], {}) for op in (
        "Abs Ceil Cos Erf Exp Floor Identity Log Neg Reciprocal Relu Round Sigmoid Sign Sin Softplus Sqrt Tanh "
        "LogSoftmax Softmax Transpose IsNaN IsInf Shape Size NonZero").split()},
    **{op: ([(F, [2, 3]), (F, [2, 3])], {}) for op in (
        "Add Sub Mul Div Pow Max Min Sum Mean Equal Greater GreaterOrEqual Less LessOrEqual").split()},
    **{op: ([(F, [2, 3]), (L, [1])], {}) for op in (
        "ReduceMax ReduceMean ReduceMin ReduceSum ReduceL2 ReduceSumSquare ReduceLogSumExp").split()},
    "Not": ([(B, [2])], {}),
    "And": ([(B, [2]), (B, [2])], {}),
    "Or": ([(B, [2]), (B, [2])], {}),
    "ArgMax": ([(F, [2, 3])], {"axis": -1}),
    "Cast": ([(F, [2, 3])], {"to": TensorProto.INT32}),
    "Clip": ([(F, [2, 3]), (F, []), (F, [])], {}),
    "Concat": ([(F, [2, 3]), (F, [2, 3])], {"axis": 0}),
    "ConstantOfShape": ([(L, [2])], {}),
    "CumSum": ([(F, [2, 3]), (I, [])], {}),
    "DequantizeLinear": ([("uint8", [2, 3]), (F, []), ("uint8", [])], {}),
    "Dropout": ([(F, [2, 3]), (F, []), (B, [])], {}),
    "Einsum": ([(F, [2, 3]), (F, [3, 2])], {"equation": "ij,jk->ik"}),
    "Expand": ([(F, [2, 3]), (L, [2])], {}),
    "Gather": ([(F, [2, 3]), (L, [4])], {}),
    "GatherElements": ([(F, [2, 3]), (L, [2, 3])], {}),
    "GatherND": ([(F, [2, 3]), (L, [4, 1])], {}),
    "Gemm": ([(F, [2, 3]), (F, [3, 2]), (F, [2])], {}),
    "MatMul": ([(F, [2, 3]), (F, [3, 2])], {}),
    "Mod": ([(L, [2]), (L, [2])], {}),
    "OneHot": ([(L, [2]), (L, []), (F, [2])], {}),
    "Pad": ([(F, [2, 3]), (L, [4]), (F, []), (L, [2])], {}),
    "QuantizeLinear": ([(F, [2, 3]), (F, []), ("uint8", [])], {}),
    "Range": ([(L, []), (L, []), (L, [])], {}),
    "Reshape": ([(F, [2, 3]), (L, [2])], {}),
    "ScatterElements": ([(F, [2, 3]), (L, [2, 3]), (F, [2, 3])], {}),
    "ScatterND": ([(F, [2, 3]), (L, [4, 1]), (F, [4, 3])], {}),
    "SimplifiedLayerNormalization": ([(F, [2, 3]), (F, [3])], {"axis": -1}),
    "Slice": ([(F, [2, 3]), (L, [1]), (L, [1]), (L, [1]), (L, [1])], {}),
    "Split": ([(F, [2, 3]), (L, [2])], {"axis": 0}),
    "Squeeze": ([(F, [1, 3]), (L, [1])], {}),
    "Tile": ([(F, [2, 3]), (L, [2])], {}),
    "TopK": ([(F, [2, 3]), (L, [1])], {}),
    "Trilu": ([(F, [3, 3]), (L, [])], {}),
    "Unsqueeze": ([(F, [2, 3]), (L, [1])], {}),
    "Where": ([(B, [2, 3]), (F, [2, 3]), (F, [2, 3])], {}),
    "com.microsoft.FusedMatMul": ([(F, [2, 3]), (F, [3, 2])], {}),
    "com.microsoft.GatherBlockQuantized": (
        [("uint8", [8, 16]), (L, [2]), ("float16", [8, 1]), ("uint8", [8, 1])],
        {"bits": 4, "block_size": 32, "gather_axis": 0, "quantize_axis": 1}),
    "com.microsoft.QuickGelu": ([(F, [2, 3])], {}),
    "com.microsoft.MatMulNBits": (
        [("float16", [1, 32]), ("uint8", [4, 1, 16]), ("float16", [4]), ("uint8", [4])],
        {"K": 32, "N": 4, "bits": 4, "block_size": 32}),
    "com.microsoft.GroupQueryAttention": (
        [("float16", [1, 1, 16]), ("float16", [1, 1, 16]), ("float16", [1, 1, 16]), ("float16", [1, 2, 4, 8]),
         ("float16", [1, 2, 4, 8]), (I, [1]), (I, [1])], {"num_heads": 2, "kv_num_heads": 2}),
    "com.microsoft.RotaryEmbedding": ([(F, [1, 2, 8]), (L, [1]), (F, [4, 4]), (F, [4, 4])], {"num_heads": 1}),
    "com.microsoft.SkipSimplifiedLayerNormalization": ([(F, [1, 2, 8]), (F, [1, 2, 8]), (F, [8])], {}),
}


def copies(op, domain, inputs, attributes, outputs):
    """The inputs and outputs of one node that lie in CPU memory, by index.

    Each input is read from the GPU through Identity, each output is compared with another value there; a value that lies
    elsewhere needs a copy between.
    """
    names = ["" if given is None else f"i{index}" for index, given in enumerate(inputs)]
    results = [f"o{index}" for index in range(len(outputs))]
    nodes, ports, ends = [], [], []
    for index, (kind, dims) in enumerate(inputs):
        ports.append(helper.make_tensor_value_info(f"in{index}", CODES[kind], dims))
        nodes.append(helper.make_node("Identity", [f"in{index}"], [names[index]]))
    nodes.append(helper.make_node(op, names, results, name="probe", domain=domain, **attributes))
    for index, kind in enumerate(outputs):
        ports.append(helper.make_tensor_value_info(f"other{index}", CODES[kind], [1]))
        nodes.append(helper.make_node("Identity", [f"other{index}"], [f"there{index}"]))
        nodes.append(helper.make_node("Add" if kind != "bool" else "And", [f"o{index}", f"there{index}"], [f"end{index}"]))
        ends.append(helper.make_empty_tensor_value_info(f"end{index}"))
    model = helper.make_model(
        helper.make_graph(nodes, "probe", ports, ends), ir_version=10,
        opset_imports=[helper.make_opsetid(name, version) for name, version in OPSETS.items()])
    placed = place(model.SerializeToString(), onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    node = next(node for node in placed.node if node.name == "probe")
    source = {output: node for node in placed.node for output in node.output}
    host_inputs = [
        index for index, name in enumerate(node.input) if name and source[name].op_type == "MemcpyToHost"]
    host_outputs = [
        index for index, name in enumerate(node.output)
        if any(copy.op_type == "MemcpyFromHost" and copy.input[0] == name for copy in placed.node)]
    return host_inputs, host_outputs


def place(model, level):
    """The graph as onnxruntime would run it on CUDA, copies included."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = level
        options.optimized_model_filepath = os.path.join(folder, "placed.onnx")
        onnxruntime.InferenceSession(model, options, providers=["CUDAExecutionProvider"])
        return onnx.load(options.optimized_model_filepath, load_external_data=False).graph


def output_types(schema, inputs, attributes):
    """The types of an example's outputs, from its inputs'."""
    bound = {}
    for formal, given in zip(schema.inputs, inputs):
        bound.setdefault(formal.typeStr, given[0])
    if "to" in attributes:
        bound["T2"] = I
    fixed = {"Shape": [L], "Size": [L], "NonZero": [L], "ArgMax": [L], "ConstantOfShape": [F], "Dropout": [F, B],
             "SimplifiedLayerNormalization": [F, F]}
    if schema.name in fixed:
        return fixed[schema.name]
    count = 2 if schema.name == "Split" else max(1, schema.min_output)
    if schema.name == "GroupQueryAttention":
        count = 3
    formals = [schema.outputs[min(index, len(schema.outputs) - 1)] for index in range(count)]
    # Where the inputs leave a type open there is often just one: comparisons give bool.
    single = {
        constraint.type_param_str: TYPES.get(constraint.allowed_type_strs[0])
        for constraint in schema.type_constraints if len(constraint.allowed_type_strs) == 1}
    return [bound.get(formal.typeStr) or single.get(formal.typeStr) or TYPES.get(formal.typeStr, F) for formal in formals]


def main(target):
    definitions = {}
    for kernel in state.get_all_opkernel_def():
        if kernel.provider == "CUDAExecutionProvider":
            definitions.setdefault((kernel.domain, kernel.op_name), []).append(kernel)
    ops = {}
    for (domain, name), schema in sorted(schemas().items()):
        kernels = kernels_of(schema, definitions)
        full = f"{domain}.{name}" if domain else name
        if not kernels:
            continue
        entry = {
            "inputs": [parameter(formal) for formal in schema.inputs],
            "outputs": [parameter(formal) for formal in schema.outputs],
            "kernels": kernels,
        }
        if full in EXAMPLES:
            inputs, attributes = EXAMPLES[full]
            outputs = output_types(schema, inputs, attributes)
            try:
                entry["hostInputs"], entry["hostOutputs"] = copies(name, domain, inputs, attributes, outputs)
            except Exception as problem:
                raise RuntimeError(f"the example of {full}") from problem
        ops[full] = entry
    # Control flow: the bodies are graphs of their own. Trip count and condition steer the host's loop.
    ops["Loop"].update(hostInputs=[0, 1], hostOutputs=[])
    ops["If"].update(hostInputs=[0], hostOutputs=[])
    missing = sorted(name for name in EXAMPLES if name not in ops)
    print("no CUDA kernel:", ", ".join(missing))
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in ops.items())
    opsets = json.dumps(OPSETS)
    with open(target, "w") as file:
        file.write(
            f'{{\n  "onnxruntime": {json.dumps(onnxruntime.__version__)},\n  "opsets": {opsets},\n'
            f'  "ops": {{\n{lines}\n  }}\n}}\n')


if __name__ == "__main__":
    main(sys.argv[1])
