# Runs the steps of an exported model by onnxruntime and NumPy alone, as "Three graphs" of docs/format.md says.
#
#   python examples/use-graphs-from-python.py [model folder] [images.npz] [number of images, 8]
import json
import sys
import numpy as np
from onnxruntime import InferenceSession

folder, images_file, number = (sys.argv[1:] + ["models/multi-mnist", "images.npz", "8"][len(sys.argv) - 1 :])
manifest = json.load(open(f"{folder}/config.json"))
model, files = manifest["model"], manifest["files"]
encoder, step = (InferenceSession(f"{folder}/{files[name]['path']}", providers=["CPUExecutionProvider"]) for name in ("encoder", "step"))
side = model["imageSize"]
pixels = np.load(images_file)["x"][-int(number) :]  # Held-out images come last.
image = pixels.reshape(-1, model["channels"], side, side).astype(np.float32) / manifest["normalisation"]["scale"]
feeds = {each.name: np.zeros((len(image), *each.shape[1:]), np.float32) for each in step.get_inputs()}  # No state yet, and no noise.
feeds |= {"image": image, "image_gates": encoder.run(["image_gates"], {"image": image})[0]}
steps = []
for _ in range(model["maxSteps"]):
    steps.append(dict(zip((each.name for each in step.get_outputs()), step.run(None, feeds))))
    feeds |= {name: steps[-1][f"next_{name}"] for name in feeds if f"next_{name}" in steps[-1]}
for i, seen in enumerate(image):
    p = [1 / (1 + np.exp(-float(each["presence_logit"][i]))) for each in steps] + [0]
    found = list(range(np.argmax([np.prod(p[:n]) * (1 - p[n]) for n in range(len(p))])))  # q(n) = p_1 … p_n (1 - p_{n+1})
    canvases = [np.zeros_like(seen), *(each["next_canvas"][i] for each in steps)]
    layers, canvas = np.diff(canvases, axis=0), canvases[len(found)]
    losses = lambda: [np.sum(layers[t] * (2 * (seen - canvas) + layers[t])) for t in found]
    while found and model["likelihood"]["type"] == "gaussian" and min(losses()) <= 0:  # Objects that explain nothing are left out.
        canvas = canvas - layers[found.pop(np.argmin(losses()))]
    corners = [(side / 2 * (1 - (x + 1) / s), side / 2 * (1 - (y + 1) / s)) for s, x, y in (steps[t]["next_z_where"][i] for t in found)]
    print(f"image {i}: {len(found)} objects, mean error {np.abs(canvas - seen).mean():.3f}", *(f"({x:.1f}, {y:.1f})" for x, y in corners))
