"""Attend-Infer-Repeat in JAX, as one would write it for speed: the competitor of inference.mjs, with the sizes of Eslami et
al., and the model that jax_train.py trains.

An LSTM of 256 units sees the whole image at every step, and perceptrons of 200 units predict, encode and decode. The image's
part of the LSTM's gates is computed once for all steps. Windows only scale and shift, so they are read and written by two
batched products with matrices of interpolation weights. All patches are decoded and drawn at once, after the last step.
Parameters have air-onnx's names and shapes. In inference latents are the posteriors' means, all steps are computed in one
jitted function, and the same is computed of an image as air-onnx returns: presence, boxes, patches, canvases, the KL terms
and the log-likelihoods.

  python jax_air.py <file of float32 images> <cpu | gpu> <threads>

It answers one line of JSON on standard output to each on standard input, as inference-worker.mjs does:
  {"batch": 64, "calls": 4}  ->  {"wall": ms a call, "cpu": ms a call, "rss": bytes}
"""
import json
import math
import os
import sys
import time

began = time.perf_counter()
from competitor import resident_bytes, say, unavailable  # noqa: E402

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ImportError as cause:
    unavailable(f"{sys.executable} cannot import jax: {cause}")

IMAGE, OBJECT, STEPS, WHAT, UNITS, HIDDEN, STD = 50, 28, 3, 50, 256, 200, 0.3
WHERE_MEAN, WHERE_STD = (3.0, 0.0, 0.0), (0.2, 1.0, 1.0)
DECODER_BIAS = -2.0

Arrays = dict[str, jax.Array]


def choose_device(device: str, threads: int) -> str:
    """Chooses the device and the number of threads of XLA on a CPU, 0 for its own choice. To be called before any array is
    made. Returns the name of the competitor's version."""
    if device == "cpu" and threads > 0:
        # The size of XLA's thread pool.
        os.environ["NPROC"] = str(threads)
        if threads == 1:
            flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    try:
        # Where there is a GPU, arrays are made on it by default.
        [first, *_] = jax.devices(device)
    except RuntimeError as cause:
        unavailable(f"jax {jax.__version__} in {sys.executable} sees no {device}: {cause}")
    return f"JAX {jax.__version__}, {first.device_kind}"


def initial_parameters(seed: int) -> Arrays:
    """Kernels of layers with ReLUs within ±√(6/inputs), with biases of zero; all others within ±1/√inputs."""
    random = np.random.default_rng(seed)

    def uniform(bound: float, *shape: int) -> jax.Array:
        return jnp.asarray(random.uniform(-bound, bound, shape), jnp.float32)

    parameters: Arrays = {}
    for name, inputs in {"image": IMAGE**2, "latent": 3 + WHAT + 1, "recurrent": UNITS}.items():
        parameters[f"lstm.{name}_kernel"] = uniform(UNITS**-0.5, inputs, 4 * UNITS)
    parameters["lstm.bias"] = uniform(UNITS**-0.5, 4 * UNITS)
    perceptrons = {"predictor": (UNITS, 1 + 3 + 3), "encoder": (OBJECT**2, 2 * WHAT), "decoder": (WHAT, OBJECT**2)}
    for name, (inputs, outputs) in perceptrons.items():
        parameters[f"{name}.hidden_kernel"] = uniform((6 / inputs) ** 0.5, inputs, HIDDEN)
        parameters[f"{name}.hidden_bias"] = jnp.zeros(HIDDEN)
        parameters[f"{name}.output_kernel"] = uniform(HIDDEN**-0.5, HIDDEN, outputs)
        parameters[f"{name}.output_bias"] = uniform(HIDDEN**-0.5, outputs)
    return parameters


def perceptron(p: Arrays, name: str, inputs: jax.Array) -> jax.Array:
    hidden = jax.nn.relu(inputs @ p[f"{name}.hidden_kernel"] + p[f"{name}.hidden_bias"])
    return hidden @ p[f"{name}.output_kernel"] + p[f"{name}.output_bias"]


def hat_weights(scale: jax.Array, shift: jax.Array, size: int, source: int) -> jax.Array:
    """Weights of linear interpolation along one axis, [B, size, source]: the output at u is the source at scale·u + shift."""
    u = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    positions = (scale * u + shift) * (source / 2) + (source - 1) / 2
    distance = positions[:, :, None] - np.arange(source, dtype=np.float32)
    return jax.nn.relu(1 - jnp.abs(distance))


def resample(source: jax.Array, scale: jax.Array, x: jax.Array, y: jax.Array, size: int) -> jax.Array:
    """[B, K, K] to [B, size, size] at scale·u + (x, y), each [B, 1]."""
    columns = hat_weights(scale, x, size, source.shape[-1])
    rows = hat_weights(scale, y, size, source.shape[-1])
    return rows @ (source @ columns.swapaxes(1, 2))


def kl(mean: jax.Array, std: jax.Array) -> jax.Array:
    return 0.5 * (mean**2 + std**2 - 2 * jnp.log(std) - 1).sum(-1)


def log_likelihood(residual: jax.Array) -> jax.Array:
    pixels = IMAGE * IMAGE * (math.log(STD) + 0.5 * math.log(2 * math.pi))
    return (residual**2).sum((-2, -1)) * (-0.5 / STD**2) - pixels


def lstm(gates: jax.Array, cell: jax.Array) -> tuple[jax.Array, jax.Array]:
    admit, keep, candidate, output = jnp.split(gates, 4, 1)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(admit) * jnp.tanh(candidate)
    return jax.nn.sigmoid(output) * jnp.tanh(cell), cell


def trajectory(p: Arrays, image: jax.Array, noise: tuple[jax.Array, jax.Array] | None = None) -> Arrays:
    """All steps, each given that the objects before it are present: [steps, B, ...] by name.

    `image` is [B, IMAGE, IMAGE]. Latents are drawn by the standard normal `noise`, [steps, B, 3] and [steps, B, WHAT]; without
    it they are the means.
    """
    batch = len(image)
    where_mean, where_std = np.float32(WHERE_MEAN), np.float32(WHERE_STD)
    image_gates = image.reshape(batch, -1) @ p["lstm.image_kernel"] + p["lstm.bias"]
    cell = jnp.zeros((batch, UNITS))
    steps: dict[str, list[jax.Array]] = {}
    for t in range(STEPS):
        if t == 0:
            # Only presence is not zero before the first step.
            gates = image_gates + p["lstm.latent_kernel"][-1]
        else:
            latents = jnp.concatenate([where, what, jnp.ones((batch, 1))], 1)
            gates = image_gates + latents @ p["lstm.latent_kernel"] + hidden @ p["lstm.recurrent_kernel"]
        hidden, cell = lstm(gates, cell)
        logit, raw_mean, raw_std = jnp.split(perceptron(p, "predictor", hidden), [1, 4], 1)
        unit_std = jax.nn.softplus(raw_std)
        where = raw_mean + where_mean
        if noise is not None:
            where = where + unit_std * where_std * noise[0][t]
        scale, x, y = where[:, :1], where[:, 1:2], where[:, 2:]
        glimpse = resample(image, 1 / scale, -x / scale, -y / scale, OBJECT)
        what_mean, raw_what_std = jnp.split(perceptron(p, "encoder", glimpse.reshape(batch, -1)), 2, 1)
        what_std = jax.nn.softplus(raw_what_std)
        what = what_mean if noise is None else what_mean + what_std * noise[1][t]
        step = {
            "presence_logit": logit[:, 0],
            "where": where,
            "what": what,
            "kl_where": kl(raw_mean / where_std, unit_std),
            "kl_what": kl(what_mean, what_std),
        }
        for name, value in step.items():
            steps.setdefault(name, []).append(value)
    found = {name: jnp.stack(values) for name, values in steps.items()}
    logits = perceptron(p, "decoder", found["what"].reshape(STEPS * batch, WHAT)) + DECODER_BIAS
    patches = jax.nn.sigmoid(logits).reshape(STEPS * batch, OBJECT, OBJECT)
    windows = found["where"].reshape(STEPS * batch, 3)
    layers = resample(patches, windows[:, :1], windows[:, 1:2], windows[:, 2:], IMAGE)
    layers = layers.reshape(STEPS, batch, IMAGE, IMAGE)
    canvases = [layers[0]]
    for t in range(1, STEPS):
        canvases.append(canvases[-1] + layers[t])
    found["patch"] = patches.reshape(STEPS, batch, OBJECT, OBJECT)
    found["canvas"] = jnp.stack(canvases)
    found["log_likelihood"] = jnp.stack([log_likelihood(image), *(log_likelihood(image - c) for c in canvases)])
    return found


@jax.jit
def infer(p: Arrays, image: jax.Array) -> Arrays:
    """All that air-onnx returns of an image, and the most probable number of objects, [B]."""
    found = trajectory(p, image)
    found["presence"] = jax.nn.sigmoid(found.pop("presence_logit"))
    one = jnp.ones((1, len(image)))
    left = jnp.concatenate([one, jnp.cumprod(found["presence"], 0)])
    found["count"] = jnp.argmax(left * jnp.concatenate([1 - found["presence"], one]), 0)
    return found


def main(images_file: str, device: str, threads: int) -> None:
    imported = time.perf_counter()
    version = choose_device(device, threads)
    parameters = initial_parameters(0)
    images = np.fromfile(images_file, np.float32).reshape(-1, IMAGE, IMAGE)
    loaded = time.perf_counter()

    def run(first: int, batch: int) -> list[int]:
        # All answers in the memory of the process: without copies on a CPU.
        return jax.device_get(infer(parameters, images[first : first + batch]))["count"].tolist()

    run(0, 1)
    first_answer = time.perf_counter()
    phases = {"import": imported - began, "load": loaded - imported, "first": first_answer - loaded}
    say({"ready": {name: 1000 * seconds for name, seconds in phases.items()}, "version": version})
    for line in sys.stdin:
        request = json.loads(line)
        batch, calls = request["batch"], request["calls"]
        run(0, batch)
        wall, cpu = time.perf_counter(), time.process_time()
        for call in range(calls):
            run(call * batch % (len(images) - batch + 1), batch)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        say({"wall": 1000 * wall / calls, "cpu": 1000 * cpu / calls, "rss": resident_bytes()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
