# Counts and locates the objects of images by onnxruntime and NumPy, with one graph: onnx/scene.onnx. What it says: docs/format.md.
#
#   python examples/scene-from-python.py [model folder] [images.npz]
import sys
import numpy as np
from onnxruntime import InferenceSession

folder, images_file = sys.argv[1:] or ("models/multi-mnist", "images.npz")
session = InferenceSession(f"{folder}/onnx/scene.onnx", providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
side, channels = int(about["image_size"]), int(about["channels"])
pixels = np.load(images_file)["x"][-8:]  # Held-out images come last.
image = pixels.reshape(-1, channels, side, side).astype(np.float32) / float(about["pixel_scale"])
count, box, score = session.run(["count", "tight_box", "score"], {"image": image})
for i, n in enumerate(count):
    objects = (f"({', '.join(f'{edge:.0f}' for edge in box[i, slot])}) {score[i, slot]:.3f}" for slot in range(n))
    print(f"image {i}: {n} objects", *objects)
