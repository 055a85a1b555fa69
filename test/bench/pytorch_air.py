"""Attend-Infer-Repeat in PyTorch, as one would write it: the competitor of inference.mjs, with the sizes of Eslami et al.,
and the model that pytorch_train.py trains.

An LSTM of 256 units sees the whole image at every step, perceptrons of 200 units predict, encode and decode, and a spatial
transformer of affine_grid and grid_sample looks and draws. In inference latents are the posteriors' means, and the same is
computed of an image as air-onnx returns: presence, boxes, patches, canvases, the KL terms and the log-likelihoods.

It answers one line of JSON on standard output to each on standard input, as inference-worker.mjs does:
  {"batch": 64, "calls": 4}  ->  {"wall": ms a call, "cpu": ms a call, "rss": bytes}
"""
import json
import math
import sys
import time

began = time.perf_counter()
from competitor import resident_bytes, say, unavailable  # noqa: E402

try:
    import torch
except ImportError as cause:
    unavailable(f"{sys.executable} cannot import torch: {cause}")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

IMAGE, OBJECT, STEPS, WHAT, STD = 50, 28, 3, 50, 0.3
WHERE_MEAN, WHERE_STD = (3.0, 0.0, 0.0), (0.2, 1.0, 1.0)


def perceptron(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 200), nn.ReLU(), nn.Linear(200, outputs))


def affine(where: torch.Tensor) -> torch.Tensor:
    """[B, 3] scale and shift to [B, 2, 3]."""
    zero = torch.zeros_like(where[:, 0])
    return torch.stack(
        [torch.stack([where[:, 0], zero, where[:, 1]], 1), torch.stack([zero, where[:, 0], where[:, 2]], 1)], 1
    )


def resample(source: torch.Tensor, where: torch.Tensor, size: int) -> torch.Tensor:
    grid = F.affine_grid(affine(where), [source.shape[0], 1, size, size], align_corners=False)
    return F.grid_sample(source, grid, align_corners=False)


def kl(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    return 0.5 * (mean.square() + std.square() - 2 * std.log() - 1).sum(1)


class Air(nn.Module):
    """With `image_once` the image's part of the LSTM's gates is computed once and not at every step: the same sums in
    another order, and less work."""

    def __init__(self, image_once: bool = False) -> None:
        super().__init__()
        self.image_once = image_once
        self.lstm = nn.LSTMCell(IMAGE * IMAGE + 3 + WHAT + 1, 256)
        self.predictor = perceptron(256, 1 + 3 + 3)
        self.encoder = perceptron(OBJECT * OBJECT, 2 * WHAT)
        self.decoder = perceptron(WHAT, OBJECT * OBJECT)
        self.register_buffer("where_mean", torch.tensor(WHERE_MEAN))
        self.register_buffer("where_std", torch.tensor(WHERE_STD))

    def log_likelihood(self, image: torch.Tensor, canvas: torch.Tensor) -> torch.Tensor:
        pixels = IMAGE * IMAGE * (math.log(STD) + 0.5 * math.log(2 * math.pi))
        return (image - canvas).square().sum((1, 2, 3)) * (-0.5 / STD**2) - pixels

    def image_gates(self, flat: torch.Tensor) -> torch.Tensor:
        kernel = self.lstm.weight_ih[:, : IMAGE * IMAGE]
        return F.linear(flat, kernel, self.lstm.bias_ih + self.lstm.bias_hh)

    def recur(
        self, image_gates: torch.Tensor, latents: torch.Tensor, hidden: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The LSTM's step on top of `image_gates`."""
        latent_gates = F.linear(latents, self.lstm.weight_ih[:, IMAGE * IMAGE :])
        gates = image_gates + latent_gates + F.linear(hidden[0], self.lstm.weight_hh)
        admit, keep, candidate, output = gates.chunk(4, 1)
        cell = keep.sigmoid() * hidden[1] + admit.sigmoid() * candidate.tanh()
        return output.sigmoid() * cell.tanh(), cell

    def trajectory(
        self, image: torch.Tensor, noise: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> dict[str, torch.Tensor]:
        """All steps, each given that the objects before it are present: [steps, B, ...] by name.

        Latents are drawn by the standard normal `noise`, [steps, B, 3] and [steps, B, WHAT]; without it they are the means.
        """
        batch = image.shape[0]
        flat = image.flatten(1)
        image_gates = self.image_gates(flat) if self.image_once else None
        hidden = (image.new_zeros(batch, 256), image.new_zeros(batch, 256))
        where, what = image.new_zeros(batch, 3), image.new_zeros(batch, WHAT)
        present, canvas = image.new_ones(batch, 1), torch.zeros_like(image)
        found: dict[str, list[torch.Tensor]] = {"log_likelihood": [self.log_likelihood(image, canvas)]}
        for t in range(STEPS):
            if image_gates is None:
                hidden = self.lstm(torch.cat([flat, where, what, present], 1), hidden)
            else:
                hidden = self.recur(image_gates, torch.cat([where, what, present], 1), hidden)
            logit, raw_mean, raw_std = self.predictor(hidden[0]).split([1, 3, 3], 1)
            unit_std = F.softplus(raw_std)
            where = raw_mean + self.where_mean
            if noise is not None:
                where = where + unit_std * self.where_std * noise[0][t]
            inverse = torch.cat([1 / where[:, :1], -where[:, 1:] / where[:, :1]], 1)
            glimpse = resample(image, inverse, OBJECT)
            what_mean, raw_what_std = self.encoder(glimpse.flatten(1)).chunk(2, 1)
            what_std = F.softplus(raw_what_std)
            what = what_mean if noise is None else what_mean + what_std * noise[1][t]
            patch = torch.sigmoid(self.decoder(what) - 2).view(batch, 1, OBJECT, OBJECT)
            canvas = canvas + resample(patch, where, IMAGE)
            step = {
                "presence_logit": logit[:, 0],
                "where": where,
                "what": what,
                "patch": patch,
                "canvas": canvas,
                "kl_where": kl(raw_mean / self.where_std, unit_std),
                "kl_what": kl(what_mean, what_std),
                "log_likelihood": self.log_likelihood(image, canvas),
            }
            for name, value in step.items():
                found.setdefault(name, []).append(value)
        return {name: torch.stack(values) for name, values in found.items()}

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        found = self.trajectory(image)
        found["presence"] = torch.sigmoid(found.pop("presence_logit"))
        return found


def count(found: dict[str, torch.Tensor]) -> torch.Tensor:
    """The most probable number of objects, [B]."""
    left = torch.cat([torch.ones_like(found["presence"][:1]), found["presence"].cumprod(0)])
    q = left * torch.cat([1 - found["presence"], torch.ones_like(left[:1])])
    return q.argmax(0)


def main(images_file: str, mode: str, threads: int) -> None:
    imported = time.perf_counter()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = Air().eval()
    infer = torch.compile(model, dynamic=False) if mode == "compile" else model
    data = open(images_file, "rb").read()
    images = torch.frombuffer(bytearray(data), dtype=torch.float32).view(-1, 1, IMAGE, IMAGE)
    loaded = time.perf_counter()
    with torch.inference_mode():

        def run(first: int, batch: int) -> list[int]:
            return count(infer(images[first : first + batch])).tolist()

        run(0, 1)
        first_answer = time.perf_counter()
        phases = {"import": imported - began, "load": loaded - imported, "first": first_answer - loaded}
        ready = {name: 1000 * seconds for name, seconds in phases.items()}
        say({"ready": ready, "version": f"PyTorch {torch.__version__}"})
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
