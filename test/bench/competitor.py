"""What the competitors in Python share: lines of JSON to the benchmark, and the memory of the process."""
import json
import sys
import time
from typing import Any, Callable


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def unavailable(reason: str) -> None:
    """Ends the process after telling the benchmark why this competitor cannot run here."""
    say({"unavailable": reason})
    sys.exit(0)


def resident_bytes() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def matmul_peak(full: Callable[..., Any], eight_products: Callable[[Any], Any]) -> float:
    """GFLOP/s of the fastest run of eight products, as packages/train/src/speed/matmul-peak.ts measures it.

    `full(shape, value)` makes a matrix, `eight_products` multiplies it and returns the sum as a scalar array.
    """
    peak = 0.0
    for size in (128, 256, 512, 1024, 2048, 4096):
        matrix = full((size, size), 1 / size)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            eight_products(matrix).item()
            times.append(time.perf_counter() - began)
        least = min(times[1:])
        peak = max(peak, 16 * size**3 / least / 1e9)
        if least > 0.1:
            break
    return peak
