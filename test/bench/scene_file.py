"""Runs a scene file on images, for scene-file.mjs: python scene_file.py FOLDER IMAGES OUT BATCH OUTPUT ..."""
import sys

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

folder, images_file, out, batch, *outputs = sys.argv[1:]
options = SessionOptions()
options.intra_op_num_threads = 1
session = InferenceSession(f"{folder}/onnx/scene.onnx", options, providers=["CPUExecutionProvider"])
shape = session.get_inputs()[0].shape[1:]
images = np.fromfile(images_file, np.float32).reshape(-1, *shape)
size = int(batch)
parts = [session.run(outputs, {"image": images[first : first + size]}) for first in range(0, len(images), size)]
for name, values in zip(outputs, zip(*parts)):
    np.concatenate(values).tofile(f"{out}/{name}")
