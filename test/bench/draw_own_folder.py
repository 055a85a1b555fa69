"""Draws a folder of PNG files like somebody's own: 0 to 4 soft blobs, 10 to 26 pixels long, on 96x96 pixels. They may touch.

    python3 test/bench/draw_own_folder.py FOLDER [--kind bright|dark] [--images 300] [--seed 0]

FOLDER/images gets the files, FOLDER/truth.csv their true counts, apart, so that nothing can learn from them. `bright` blobs lie on
black; `dark` ones on a light, uneven ground with noise. Python's standard library alone: no line of this project's drawing code.
"""

import argparse
import math
import random
import struct
import zlib
from pathlib import Path

SIDE = 96
MOST = 4
#: Least and largest full width of a blob at half its height, pixels.
WIDTHS = (10, 26)
#: Blobs whose centres are closer than this share of the mean of their widths are drawn elsewhere: nobody could tell them apart.
CLOSEST = 0.6


def draw(rng: random.Random, dark: bool) -> tuple[list[list[float]], int]:
    """One image, rows of brightness from 0 to 1, and its count."""
    light = [[0.0] * SIDE for _ in range(SIDE)]
    placed: list[tuple[float, float, float]] = []
    for _ in range(rng.randint(0, MOST)):
        while True:
            width = rng.uniform(*WIDTHS)
            x, y = (rng.uniform(width / 2, SIDE - width / 2) for _ in "xy")
            if all(math.hypot(x - a, y - b) >= CLOSEST * (width + w) / 2 for a, b, w in placed):
                break
        placed.append((x, y, width))
        stretch = rng.uniform(0.75, 1.0)
        turn = rng.uniform(0, math.pi)
        peak = rng.uniform(0.7, 1.0)
        cos, sin = math.cos(turn), math.sin(turn)
        for row in range(SIDE):
            for column in range(SIDE):
                dx, dy = column + 0.5 - x, row + 0.5 - y
                along, across = dx * cos + dy * sin, (dy * cos - dx * sin) / stretch
                # Flat within, with a soft edge that is half as bright at the blob's width.
                distance = 2 * math.hypot(along, across) / width
                if distance < 2:
                    light[row][column] += peak / (1 + math.exp(10 * (distance - 1)))
    if not dark:
        return [[min(1.0, value) for value in row] for row in light], len(placed)
    ground = rng.uniform(0.75, 0.85)
    slope_x, slope_y = (rng.uniform(-0.05, 0.05) for _ in "xy")
    return [
        [
            min(1.0, max(0.0, ground + slope_x * (c / SIDE - 0.5) + slope_y * (r / SIDE - 0.5) - 0.5 * min(1.0, value) + rng.gauss(0, 0.02)))
            for c, value in enumerate(row)
        ]
        for r, row in enumerate(light)
    ], len(placed)


def png(rows: list[list[float]]) -> bytes:
    """An 8-bit grey PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = b"".join(b"\0" + bytes(round(255 * value) for value in row) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=["bright", "dark"], default="bright")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(f"{given.kind} {given.seed}")
    images = given.folder / "images"
    images.mkdir(parents=True)
    lines = ["file,count"]
    for i in range(given.images):
        rows, count = draw(rng, given.kind == "dark")
        name = f"{i:04}.png"
        (images / name).write_bytes(png(rows))
        lines.append(f"{name},{count}")
    (given.folder / "truth.csv").write_text("\n".join(lines) + "\n")


main()
