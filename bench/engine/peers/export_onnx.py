"""Exports a checkpoint for transformers.js: export_onnx.py CHECKPOINT DIRECTORY"""

import sys

from optimum.exporters.onnx import main_export

checkpoint, directory = sys.argv[1:]
# transformers.js looks for the model in the folder onnx, and for its config and tokenizer beside that.
main_export(checkpoint, directory, task="text-generation-with-past", dtype="fp32", device="cpu")
