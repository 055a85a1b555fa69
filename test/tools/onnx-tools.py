"""Runs the tools of ONNX and onnxruntime on the graphs of a model folder, and prints what became of each as JSON.

python onnx-tools.py FOLDER SCRATCH [TOOL ...]
"""
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference
from onnxruntime.transformers.float16 import convert_float_to_float16

folder, scratch = map(Path, sys.argv[1:3])
chosen = sys.argv[3:]
TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


def run(source, batch=3):
    options = SessionOptions()
    options.log_severity_level = 3
    session = InferenceSession(source, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(7)
    shapes = {each.name: [batch, *each.shape[1:]] for each in session.get_inputs()}
    feeds = {each.name: random.random(shapes[each.name]).astype(TYPES[each.type]) for each in session.get_inputs()}
    return session.run(None, feeds)


def check(path, model):
    onnx.checker.check_model(path, full_check=True)
    return True


def strict_shapes(path, model):
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return True


def symbolic_shapes(path, model):
    return SymbolicShapeInference.infer_shapes(model, auto_merge=True) is not None


def quantize(path, model):
    out = scratch / "quantized.onnx"
    quantize_dynamic(path, out, weight_type=QuantType.QUInt8)
    finite = all(np.isfinite(each).all() for each in run(str(out)))
    return finite and os.path.getsize(out) / os.path.getsize(path)


def convert_to_18(path, model):
    older = onnx.version_converter.convert_version(model, 18)
    return same(run(older.SerializeToString()), run(path))


def float16(path, model):
    half = convert_float_to_float16(model, keep_io_types=True)
    found, expected = run(half.SerializeToString()), run(path)
    return len(found) == len(expected) and all(np.isfinite(each).all() for each in found)


def ort_format(path, model):
    out = scratch / "model.ort"
    options = SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(out)
    options.add_session_config_entry("session.save_model_format", "ORT")
    InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return same(run(str(out)), run(path))


def same(ones, others):
    return len(ones) == len(others) and all(np.allclose(a, b, atol=1e-4) for a, b in zip(ones, others))


def outcome(tool, path, model):
    try:
        result = tool(path, model)
        return result if isinstance(result, float) else bool(result)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"


results = {}
for file in sorted((folder / "onnx").glob("*.onnx")):
    for tool in (check, strict_shapes, symbolic_shapes, quantize, convert_to_18, ort_format, float16):
        if chosen and tool.__name__ not in chosen:
            continue
        # Tools change the models that they are given.
        results.setdefault(tool.__name__, {})[file.stem] = outcome(tool, str(file), onnx.load(file))
json.dump(results, sys.stdout)
