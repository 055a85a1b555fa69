"""Training Attend-Infer-Repeat in JAX: the competitor of training.mjs.

The model is that of jax_air.py. The objective is air-onnx's marginal one, see pytorch_train.py. The steps of a turn are one
jitted `lax.scan` with donated state. Each draws its noise, takes its images from the data set, which lies on the device as
bytes, and ends with the update: gradients clipped at a joint norm of 10, and Adam with a rate of 1e-3.

  python jax_train.py <file of 50x50 bytes an image> <batch size> <cpu | gpu> <threads>

It answers one line of JSON on standard output to each on standard input, as training-worker.mjs does:
  {"steps": 20}  ->  {"wall": ms a step, "cpu": ms a step, "rss": bytes, "loss": mean of the steps}
  {"products": true}  ->  {"work": operations of a step's matrix products, "peak": GFLOP/s of a large one}

  python jax_train.py --check <folder>

trains on the parameters, images and noise that check-losses.mjs has written to the folder, and prints the losses as JSON.
"""
import json
import math
import sys
import time
from functools import partial
from pathlib import Path

from competitor import matmul_peak, resident_bytes, say
from jax_air import IMAGE, STEPS, WHAT, Arrays, choose_device, initial_parameters, trajectory

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params

PRESENCE = 0.01
LEARNING_RATE, CLIP_NORM, BETA1, BETA2, EPSILON = 1e-3, 10.0, 0.9, 0.999, 1e-8
LOG_COUNT_PRIOR = np.log(np.float32([PRESENCE**n * (1 - PRESENCE) for n in range(STEPS)] + [PRESENCE**STEPS]))[:, None]

Noise = tuple[jax.Array, jax.Array]
State = tuple[Arrays, Arrays, Arrays, jax.Array]
"""Parameters, Adam's first and second moments, and the number of updates."""


def negative_elbo(p: Arrays, image: jax.Array, noise: Noise) -> jax.Array:
    """The loss of a batch of images, nats an image."""
    found = trajectory(p, image, noise)
    logit = found["presence_logit"]
    log_present = jax.nn.log_sigmoid(logit)
    none = jnp.zeros_like(logit[:1])

    def running_sum(terms: jax.Array) -> jax.Array:
        sums = [none[0]]
        for term in terms:
            sums.append(sums[-1] + term)
        return jnp.stack(sums)

    log_count = running_sum(log_present) + jnp.concatenate([log_present - logit, none])
    divergence = running_sum(found["kl_where"] + found["kl_what"])
    per_count = found["log_likelihood"] - divergence + LOG_COUNT_PRIOR - log_count
    return -(jnp.exp(log_count) * per_count).sum(0).mean()


def update(state: State, image: jax.Array, noise: Noise) -> tuple[State, jax.Array]:
    p, first, second, updates = state
    loss, gradients = jax.value_and_grad(negative_elbo)(p, image, noise)
    norm = jnp.sqrt(sum(jnp.vdot(gradient, gradient) for gradient in gradients.values()))
    factor = CLIP_NORM / jnp.maximum(norm, CLIP_NORM)
    updates = updates + 1
    # 1 - β^t without cancellation.
    correction1 = -jnp.expm1(updates * math.log(BETA1))
    correction2 = -jnp.expm1(updates * math.log(BETA2))
    step = LEARNING_RATE / correction1
    root = 1 / jnp.sqrt(correction2)

    def adam(value, m, v, gradient):
        gradient = gradient * factor
        m = BETA1 * m + (1 - BETA1) * gradient
        v = BETA2 * v + (1 - BETA2) * gradient**2
        return value - step * m / (jnp.sqrt(v) * root + EPSILON), m, v

    updated = {name: adam(p[name], first[name], second[name], gradients[name]) for name in p}
    p, first, second = ({name: values[part] for name, values in updated.items()} for part in range(3))
    return (p, first, second, updates), loss


def draw_noise(key: jax.Array, batch: int) -> Noise:
    normal = jax.random.normal(key, (STEPS, batch, 3 + WHAT))
    return normal[..., :3], normal[..., 3:]


@partial(jax.jit, donate_argnums=0)
def train(state: State, images: jax.Array, chosen: jax.Array, key: jax.Array) -> tuple[State, jax.Array]:
    """One update for each row of `chosen`, [steps, B], places in `images`. Returns the losses too, [steps]."""

    def step(state: State, inputs: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        places, key = inputs
        image = images[places].reshape(-1, IMAGE, IMAGE).astype(jnp.float32) / 255
        return update(state, image, draw_noise(key, len(places)))

    return jax.lax.scan(step, state, (chosen, jax.random.split(key, len(chosen))))


def initial_state(parameters: Arrays) -> State:
    zeros = lambda: {name: jnp.zeros_like(value) for name, value in parameters.items()}  # noqa: E731
    return parameters, zeros(), zeros(), jnp.zeros((), jnp.int32)


class Training:
    def __init__(self, images: np.ndarray, batch: int) -> None:
        self.images = jnp.asarray(images)
        self.batch = batch
        self.random = np.random.default_rng(0)
        self.order = np.empty(0, np.int32)
        self.state = initial_state(initial_parameters(0))
        self.key = jax.random.key(0)

    def steps(self, steps: int) -> np.ndarray:
        """The losses of so many steps, whose images come in the order of epochs."""
        while len(self.order) < steps * self.batch:
            self.order = np.concatenate([self.order, self.random.permutation(len(self.images)).astype(np.int32)])
        chosen, self.order = np.split(self.order, [steps * self.batch])
        self.key, key = jax.random.split(self.key)
        self.state, losses = train(self.state, self.images, chosen.reshape(steps, self.batch), key)
        return np.asarray(losses)

    def matrix_work(self) -> int:
        """Floating-point operations of the matrix products of a step, forward and backward."""
        image = jnp.zeros((self.batch, IMAGE, IMAGE))
        noise = draw_noise(self.key, self.batch)
        return products(jax.make_jaxpr(jax.value_and_grad(negative_elbo))(self.state[0], image, noise).jaxpr)


def products(jaxpr) -> int:
    work = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            work += 2 * equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted)
        for inner in jaxprs_in_params(equation.params):
            work += products(inner)
    return work


@jax.jit
def eight_products(matrix: jax.Array) -> jax.Array:
    product = matrix
    for _ in range(8):
        product = product @ matrix
    return product.sum()


def check(folder: Path) -> None:
    choose_device("cpu", 1)
    inputs = json.loads((folder / "inputs.json").read_text())
    steps, batch = inputs["steps"], inputs["batch"]

    def read(name: str, *shape: int) -> jax.Array:
        return jnp.asarray(np.fromfile(folder / f"{name}.f32", np.float32).reshape(shape))

    state = initial_state({name: read(name, *shape) for name, shape in inputs["parameters"].items()})
    images = read("images", steps, batch, IMAGE, IMAGE)
    noise = (read("epsWhere", steps, STEPS, batch, 3), read("epsWhat", steps, STEPS, batch, WHAT))
    losses = []
    for t in range(steps):
        state, loss = jax.jit(update)(state, images[t], (noise[0][t], noise[1][t]))
        losses.append(loss.item())
    say({"losses": losses})


def main(images_file: str, batch: int, device: str, threads: int) -> None:
    version = choose_device(device, threads)
    training = Training(np.fromfile(images_file, np.uint8).reshape(-1, IMAGE * IMAGE), batch)
    say({"version": version, "loss": training.steps(1).item()})
    for line in sys.stdin:
        request = json.loads(line)
        if "products" in request:
            say({"work": training.matrix_work(), "peak": matmul_peak(jnp.full, eight_products)})
            continue
        steps = request["steps"]
        wall, cpu = time.perf_counter(), time.process_time()
        loss = training.steps(steps).mean().item()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if not math.isfinite(loss):
            raise ArithmeticError(f"the loss is {loss}")
        say({"wall": 1000 * wall / steps, "cpu": 1000 * cpu / steps, "rss": resident_bytes(), "loss": loss})


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(Path(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
