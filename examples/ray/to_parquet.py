# Writes the images of an NPZ file as Parquet: each row has the bytes of one image [S, S, C], and its number.
#
#   air-onnx data multi-strokes --train-size 200000 --npz images.npz
#   python examples/ray/to_parquet.py images.npz images
import sys
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PER_FILE = 2_000
npz, folder = sys.argv[1:]
images = np.load(npz)["x"].astype(np.uint8)
Path(folder).mkdir(parents=True)
for first in range(0, len(images), PER_FILE):
    part = images[first : first + PER_FILE]
    table = pa.table({"id": range(first, first + len(part)), "image": [image.tobytes() for image in part]})
    pq.write_table(table, f"{folder}/{first // PER_FILE:05}.parquet")
print(f"{len(images)} images in {folder}")
