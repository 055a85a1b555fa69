"""Training Attend-Infer-Repeat in PyTorch: the competitor of training.mjs.

The model is that of pytorch_air.py. The objective is air-onnx's marginal one: where and what are reparameterised draws along
one trajectory with all objects present, and the sum over the number n of objects is exact,

  ELBO = sum over n of q(n|x) [log p(x|canvas n) - KL of the first n steps + log p(n) - log q(n|x)].

A step draws its images and noise, and ends with the update: gradients clipped at a joint norm of 10, Adam in its fused form
with a rate of 1e-3. What is compiled is the objective, with the model in it, forward and backward.

  python pytorch_train.py <file of 50x50 bytes an image> <eager | compile | compile-image-once> <batch size> <threads>

It answers one line of JSON on standard output to each on standard input, as training-worker.mjs does:
  {"steps": 20}  ->  {"wall": ms a step, "cpu": ms a step, "rss": bytes, "loss": mean of the steps}
  {"products": true}  ->  {"work": operations of a step's matrix products, "peak": GFLOP/s of a large one}
"""
import json
import math
import sys
import time

try:
    import torch
except ImportError as cause:
    print(json.dumps({"unavailable": f"{sys.executable} cannot import torch: {cause}"}), flush=True)
    sys.exit(0)
from pytorch_air import IMAGE, STEPS, WHAT, Air, resident_bytes
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

PRESENCE = 0.01
LEARNING_RATE, CLIP_NORM = 1e-3, 10.0


class NegativeElbo(nn.Module):
    """The loss of a batch of images, nats an image."""

    def __init__(self, model: Air) -> None:
        super().__init__()
        self.model = model
        prior = [PRESENCE**n * (1 - PRESENCE) for n in range(STEPS)] + [PRESENCE**STEPS]
        self.register_buffer("log_count_prior", torch.tensor(prior).log()[:, None])

    def forward(self, image: torch.Tensor, eps_where: torch.Tensor, eps_what: torch.Tensor) -> torch.Tensor:
        found = self.model.trajectory(image, (eps_where, eps_what))
        logit = found["presence_logit"]
        log_present = F.logsigmoid(logit)
        log_absent = log_present - logit
        none = torch.zeros_like(logit[:1])
        log_count = torch.cat([none, log_present.cumsum(0)]) + torch.cat([log_absent, none])
        divergence = torch.cat([none, (found["kl_where"] + found["kl_what"]).cumsum(0)])
        per_count = found["log_likelihood"] - divergence + self.log_count_prior - log_count
        return -(log_count.exp() * per_count).sum(0).mean()


class Training:
    def __init__(self, images: torch.Tensor, mode: str, batch: int) -> None:
        self.images = images
        self.batch = batch
        self.order = torch.empty(0, dtype=torch.long)
        self.model = Air(image_once=mode.endswith("image-once"))
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=LEARNING_RATE, fused=True)
        self.eager_loss = NegativeElbo(self.model)
        self.loss = self.eager_loss if mode == "eager" else torch.compile(self.eager_loss, dynamic=False)

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images in the order of an epoch, and noise."""
        if len(self.order) < self.batch:
            self.order = torch.cat([self.order, torch.randperm(len(self.images))])
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        image = self.images[chosen].view(self.batch, 1, IMAGE, IMAGE).float() / 255
        return image, torch.randn(STEPS, self.batch, 3), torch.randn(STEPS, self.batch, WHAT)

    def step(self) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*self.inputs())
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        self.optimizer.step()
        return loss.detach()

    def matrix_work(self) -> int:
        """Floating-point operations of the matrix products of a step, forward and backward."""
        with FlopCounterMode(display=False) as counter:
            self.eager_loss(*self.inputs()).backward()
        return counter.get_total_flops()


def matmul_peak() -> float:
    """GFLOP/s of the fastest run of eight products, as packages/train/src/speed/matmul-peak.ts measures it."""
    peak = 0.0
    for size in (128, 256, 512, 1024, 2048, 4096):
        matrix = torch.full((size, size), 1 / size)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            product = matrix
            for _ in range(8):
                product = product @ matrix
            product.sum().item()
            times.append(time.perf_counter() - began)
        least = min(times[1:])
        peak = max(peak, 16 * size**3 / least / 1e9)
        if least > 0.1:
            break
    return peak


def main(images_file: str, mode: str, batch: int, threads: int) -> None:
    if threads > 0:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    with open(images_file, "rb") as file:
        images = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(-1, IMAGE * IMAGE)
    training = Training(images, mode, batch)
    first_loss = training.step().item()
    print(json.dumps({"version": f"PyTorch {torch.__version__}", "loss": first_loss}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "products" in request:
            print(json.dumps({"work": training.matrix_work(), "peak": matmul_peak()}), flush=True)
            continue
        steps = request["steps"]
        wall, cpu = time.perf_counter(), time.process_time()
        losses = [training.step() for _ in range(steps)]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        loss = torch.stack(losses).mean().item()
        if not math.isfinite(loss):
            raise ArithmeticError(f"the loss is {loss}")
        answer = {"wall": 1000 * wall / steps, "cpu": 1000 * cpu / steps, "rss": resident_bytes(), "loss": loss}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
