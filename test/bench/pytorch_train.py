"""Training Attend-Infer-Repeat in PyTorch: the competitor of training.mjs.

The model is that of pytorch_air.py. The objective is air-onnx's marginal one: where and what are reparameterised draws along
one trajectory with all objects present, and the sum over the number n of objects is exact,

  ELBO = sum over n of q(n|x) [log p(x|canvas n) - KL of the first n steps + log p(n) - log q(n|x)].

The modes that begin with nvil take the paper's objective instead: presence is drawn, and its gradient is that of the score
function with a learned recurrent baseline, a second LSTM and perceptron of the model's sizes.

A step draws its images and noise, and ends with the update: gradients clipped at a joint norm of 10, those of the baseline
apart, and Adam in its fused form with a rate of 1e-3. What is compiled is the objective, with the model in it, forward and
backward.

  python pytorch_train.py <file of 50x50 bytes an image> <mode> <batch size> <threads>

with mode one of eager, compile, compile-image-once, nvil-eager and nvil-compile.

It answers one line of JSON on standard output to each on standard input, as training-worker.mjs does:
  {"steps": 20}  ->  {"wall": ms a step, "cpu": ms a step, "rss": bytes, "loss": mean of the steps}
  {"products": true}  ->  {"work": operations of a step's matrix products, "peak": GFLOP/s of a large one}
"""
import json
import math
import sys
import time

from competitor import matmul_peak, resident_bytes, say
from pytorch_air import IMAGE, STEPS, WHAT, Air, perceptron

import torch
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


class Baseline(nn.Module):
    """What minus the bound will be from each step on, [steps, B], from what the recurrent network sees."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTMCell(IMAGE * IMAGE + 3 + WHAT + 1, 256)
        self.regressor = perceptron(256, 1)

    def forward(self, image: torch.Tensor, where: torch.Tensor, what: torch.Tensor) -> torch.Tensor:
        batch = image.shape[0]
        flat, present = image.flatten(1), image.new_ones(batch, 1)
        hidden = (image.new_zeros(batch, 256), image.new_zeros(batch, 256))
        last = (image.new_zeros(batch, 3), image.new_zeros(batch, WHAT))
        values = []
        for t in range(STEPS):
            hidden = self.lstm(torch.cat([flat, *last, present], 1), hidden)
            values.append(self.regressor(hidden[0])[:, 0])
            last = (where[t], what[t])
        return torch.stack(values)


class NvilLoss(nn.Module):
    """The paper's loss, nats an image, to which the squared error of the baseline is added."""

    def __init__(self, model: Air, baseline: Baseline) -> None:
        super().__init__()
        self.model = model
        self.baseline = baseline

    def forward(
        self, image: torch.Tensor, eps_where: torch.Tensor, eps_what: torch.Tensor, uniform: torch.Tensor
    ) -> torch.Tensor:
        found = self.model.trajectory(image, (eps_where, eps_what))
        logit = found["presence_logit"]
        presence = (uniform < logit.sigmoid()).float().cumprod(0)
        reached = torch.cat([torch.ones_like(presence[:1]), presence[:-1]])
        absent = reached - presence
        log_present = F.logsigmoid(logit)
        log_absent = log_present - logit
        probability = log_present.exp()
        kl_presence = reached * (
            probability * (log_present - math.log(PRESENCE))
            + (1 - probability) * (log_absent - math.log(1 - PRESENCE))
        )
        divergence = kl_presence + presence * (found["kl_where"] + found["kl_what"])
        is_count = torch.cat([absent, presence[-1:]])
        log_likelihood = (is_count * found["log_likelihood"]).sum(0)
        elbo = log_likelihood - divergence.sum(0)

        value = reached * self.baseline(image, found["where"].detach(), found["what"].detach())
        with torch.no_grad():
            later = divergence.flip(0).cumsum(0).flip(0)
            target = reached * (later - log_likelihood)
            advantage = target - value
        score = (advantage * (presence * log_present + absent * log_absent)).sum(0)
        return (score - elbo + (target - value).square().sum(0)).mean()


class Training:
    def __init__(self, images: torch.Tensor, mode: str, batch: int) -> None:
        self.images = images
        self.batch = batch
        self.order = torch.empty(0, dtype=torch.long)
        self.draws_presence = mode.startswith("nvil")
        model = Air(image_once=mode.endswith("image-once"))
        modules = [model, Baseline()] if self.draws_presence else [model]
        self.parameters = [list(module.parameters()) for module in modules]
        self.optimizer = torch.optim.Adam(sum(self.parameters, []), lr=LEARNING_RATE, fused=True)
        self.eager_loss = NvilLoss(*modules) if self.draws_presence else NegativeElbo(model)
        self.loss = torch.compile(self.eager_loss, dynamic=False) if "compile" in mode else self.eager_loss

    def inputs(self) -> tuple[torch.Tensor, ...]:
        """Images in the order of an epoch, and noise."""
        if len(self.order) < self.batch:
            self.order = torch.cat([self.order, torch.randperm(len(self.images))])
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        image = self.images[chosen].view(self.batch, 1, IMAGE, IMAGE).float() / 255
        noise = (torch.randn(STEPS, self.batch, 3), torch.randn(STEPS, self.batch, WHAT))
        return (image, *noise, torch.rand(STEPS, self.batch)) if self.draws_presence else (image, *noise)

    def step(self) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*self.inputs())
        loss.backward()
        for parameters in self.parameters:
            nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        self.optimizer.step()
        return loss.detach()

    def matrix_work(self) -> int:
        """Floating-point operations of the matrix products of a step, forward and backward."""
        with FlopCounterMode(display=False) as counter:
            self.eager_loss(*self.inputs()).backward()
        return counter.get_total_flops()


def eight_products(matrix: torch.Tensor) -> torch.Tensor:
    product = matrix
    for _ in range(8):
        product = product @ matrix
    return product.sum()


def main(images_file: str, mode: str, batch: int, threads: int) -> None:
    if threads > 0:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    with open(images_file, "rb") as file:
        images = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(-1, IMAGE * IMAGE)
    training = Training(images, mode, batch)
    first_loss = training.step().item()
    say({"version": f"PyTorch {torch.__version__}", "loss": first_loss})
    for line in sys.stdin:
        request = json.loads(line)
        if "products" in request:
            say({"work": training.matrix_work(), "peak": matmul_peak(torch.full, eight_products)})
            continue
        steps = request["steps"]
        wall, cpu = time.perf_counter(), time.process_time()
        losses = [training.step() for _ in range(steps)]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        loss = torch.stack(losses).mean().item()
        if not math.isfinite(loss):
            raise ArithmeticError(f"the loss is {loss}")
        say({"wall": 1000 * wall / steps, "cpu": 1000 * cpu / steps, "rss": resident_bytes(), "loss": loss})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
