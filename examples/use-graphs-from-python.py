# Runs the steps of an exported model by onnxruntime and NumPy alone. The graphs' inputs and outputs: docs/format.md.
#
#   python examples/use-graphs-from-python.py [model folder] [images.npz]
import json
import sys
import numpy as np
from onnxruntime import InferenceSession

folder, images_file = sys.argv[1:] or ("models/multi-mnist", "images.npz")
manifest = json.load(open(f"{folder}/config.json"))
model, files = manifest["model"], manifest["files"]
run = {name: InferenceSession(f"{folder}/{file['path']}", providers=["CPUExecutionProvider"]).run for name, file in files.items() if name != "scene"}
side, steps = model["imageSize"], model["maxSteps"]
pixels = np.load(images_file)["x"][-8:]  # Held-out images come last.
image = pixels.reshape(-1, model["channels"], side, side).astype(np.float32) / manifest["normalisation"]["scale"]
zeros = lambda *shape: np.zeros((len(image), *shape), np.float32)

# What does not change from step to step is computed once.
(gates,) = run["encoder"](["image_gates"], {"image": image})
fixed = {"image": image, "image_gates": gates, "eps_where": zeros(3), "eps_what": zeros(model["zWhatSize"])}  # No noise.
state = {"hidden": zeros(model["lstmSize"]), "cell": zeros(model["lstmSize"]), "canvas": zeros(*image.shape[1:])}
state |= {"z_where": zeros(3), "z_what": zeros(model["zWhatSize"])}
outputs = ["presence_logit", *(f"next_{name}" for name in state)]
presence, found = [], []
for _ in range(steps):
    logit, *following = run["step"](outputs, {**fixed, **state})
    state = dict(zip(state, following))
    presence.append(1 / (1 + np.exp(-logit)))
    found.append(state)

for i in range(len(image)):
    p = [step[i] for step in presence] + [0]
    count = int(np.argmax([np.prod(p[:n]) * (1 - p[n]) for n in range(steps + 1)]))  # q(n) = p_1 … p_n (1 - p_{n+1})
    canvas = zeros(*image.shape[1:])[:1]  # The decoder redraws the objects, one after the other.
    for s in found[:count]:
        latents = {name: s[name][i : i + 1] for name in ("z_where", "z_what")}
        (canvas,) = run["decoder"](["next_canvas"], {**latents, "presence": np.ones(1, np.float32), "canvas": canvas})
    boxes = [(side / 2 * (1 - (x + 1) / s), side / 2 * (1 - (y + 1) / s)) for s, x, y in (s["z_where"][i] for s in found[:count])]
    print(f"image {i}: {count} objects, mean error {np.abs(canvas - image[i]).mean():.3f}", *(f"({x:.1f}, {y:.1f})" for x, y in boxes))
