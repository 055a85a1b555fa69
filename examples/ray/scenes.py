# Counts and locates the objects of many images on many machines: Ray Data reads Parquet files (columns id, image: see to_parquet.py) or
# a folder of images, actors with onnxruntime run onnx/scene.onnx, and the results are Parquet again: id, count, boxes, scores.
#
#   python examples/ray/scenes.py MODEL IMAGES OUT [--workers 2] [--address auto] [--one-process]
import argparse
import time
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from onnxruntime import InferenceSession, SessionOptions

BATCH = 256


class Scenes:
    """Holds one session; Ray makes one object in each worker."""

    def __init__(self, folder):
        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = InferenceSession(f"{folder}/onnx/scene.onnx", options, providers=["CPUExecutionProvider"])
        about = self.session.get_modelmeta().custom_metadata_map
        self.side, self.channels = int(about["image_size"]), int(about["channels"])
        self.scale = float(about["pixel_scale"])

    def __call__(self, batch):
        """Of a batch {id, image [B] of bytes [S, S, C], or of arrays}: count [B], boxes and scores of each object."""
        pixels = [np.frombuffer(each, np.uint8) if isinstance(each, bytes) else each for each in batch["image"]]
        image = np.stack(pixels).reshape(-1, self.side, self.side, self.channels).transpose(0, 3, 1, 2)
        feed = {"image": np.ascontiguousarray(image, np.float32) / self.scale}
        count, box, score = self.session.run(["count", "tight_box", "score"], feed)
        boxes = [box[i, :n].reshape(-1).tolist() for i, n in enumerate(count)]  # xmin, ymin, xmax, ymax of each, in a row.
        scores = [score[i, :n].tolist() for i, n in enumerate(count)]
        result = {"id": pa.array(batch["id"]), "count": pa.array(count)}
        lists = pa.list_(pa.float32())
        return pa.table(result | {"boxes": pa.array(boxes, lists), "scores": pa.array(scores, lists)})


def with_ray(model, images, out, workers, address):
    import ray

    # A worker takes a CPU for as long as the program runs. Listing, reading and writing need one more, or nothing begins.
    ray.init(address=address, num_cpus=None if address else workers + 1)
    if any(Path(images).glob("*.parquet")):
        rows = ray.data.read_parquet(images)
    else:
        rows = ray.data.read_images(images, include_paths=True).rename_columns({"path": "id"})
    compute = ray.data.ActorPoolStrategy(size=workers)
    how = {"batch_size": BATCH, "batch_format": "numpy", "compute": compute, "num_cpus": 1}
    rows.map_batches(Scenes, fn_constructor_args=[model], **how).write_parquet(out)


def in_one_process(model, images, out):
    scenes = Scenes(model)
    Path(out).mkdir(parents=True)
    for file in sorted(Path(images).glob("*.parquet")):
        batches = pq.ParquetFile(file).iter_batches(BATCH)
        tables = [scenes({name: batch[name].to_pylist() for name in ("id", "image")}) for batch in batches]
        pq.write_table(pa.concat_tables(tables), Path(out) / file.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("model", "images", "out"):
        parser.add_argument(name, type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--address", help="of a running cluster, such as auto; a local one is started by default")
    parser.add_argument("--one-process", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    if args.one_process:
        in_one_process(args.model, args.images, args.out)
    else:
        with_ray(args.model, args.images, args.out, args.workers, args.address)
    seconds = time.monotonic() - began
    ids = pq.read_table(args.out, columns=["id"])["id"]
    done = len(ids)
    print(f"{done} images, {len(ids.unique())} of them different, in {seconds:.1f} s: {done / seconds:.0f} images/s")
