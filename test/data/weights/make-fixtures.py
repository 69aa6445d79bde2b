"""Writes fixtures.json: small files as other programs write them (Python 3.11's pickle and zipfile, NumPy 2, PyTorch 2.13,
safetensors 0.8), in base64. Run `python make-fixtures.py` where these are installed; the tests need only the JSON."""

import base64
import io
import json
import pathlib
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import save as save_safetensors

here = pathlib.Path(__file__).parent


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


VALUE = {
    "text": "caf\u00e9 \u4e2d \U0001f600\n",
    "numbers": [0, 255, 256, -1, 65536, -(2**31), 2**40, -(2**100), 0.1, -1e300],
    "constants": (True, False, None),
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "bytes": b"\x00\xff",
    "set": {7},
    "ordered": OrderedDict(a=[1]),
    1: {"nested": {}},
}
VALUE["again"] = VALUE["numbers"]


def pickles():
    return {str(protocol): encode(pickle.dumps(VALUE, protocol)) for protocol in range(6)}


def archive(**options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as out:
        out.writestr("folder/text", "some text " * 50)
        out.writestr("empty", b"")
        with out.open("wide", "w", force_zip64=True) as entry:
            entry.write(b"zip64 sizes")
        out.comment = b"PK a comment"
    return encode(file.getvalue())


def zips():
    return {
        "stored": archive(compression=zipfile.ZIP_STORED),
        "deflated": archive(compression=zipfile.ZIP_DEFLATED),
        "bzip2": archive(compression=zipfile.ZIP_BZIP2),
    }


def checkpoint(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def recompressed(data: bytes) -> bytes:
    """The same archive with deflated entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            out.writestr(name, source.read(name))
    return file.getvalue()


def torch_files():
    import argparse

    grid = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    weights = {"grid": grid, "view": grid.permute(2, 0, 1)[1:, :, ::2], "half": torch.tensor([0.5, -2.0]).half()}
    tagged = torch.nn.Parameter(torch.ones(2))
    tagged.note = "kept by nobody"
    torch.serialization.set_crc32_options(False)
    unchecked = checkpoint({"w": torch.arange(5.0)})
    torch.serialization.set_crc32_options(True)
    odd = {
        "plain": torch.arange(3.0),
        "complex": torch.zeros(2, dtype=torch.complex64),
        "sparse": torch.eye(2).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8),
        "meta": torch.zeros(2, device="meta"),
        "negated": torch._neg_view(torch.ones(2)),
    }
    untyped = {
        "u16": torch.tensor([1, 65535], dtype=torch.uint16),
        "u32": torch.tensor([1, 2**32 - 1], dtype=torch.uint32),
        "u64": torch.tensor([1, 2**63], dtype=torch.uint64),
        "f8": torch.tensor([1.0, -0.5]).to(torch.float8_e4m3fn),
    }
    values = {
        "args": argparse.Namespace(lr=0.1, sizes=[1, 2]),
        "numpy": [np.float64(1.5), np.int64(-3), np.bool_(True)],
        "array": np.arange(3, dtype=np.int32),
        "size": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "dtype": torch.bfloat16,
        "bytes": b"ab\xff",
        "tagged": tagged,
    }
    files = {
        "zip": checkpoint(weights),
        "deflated": recompressed(checkpoint(weights)),
        "legacy": checkpoint(weights, _use_new_zipfile_serialization=False),
        "legacy-protocol-4": checkpoint(weights, _use_new_zipfile_serialization=False, pickle_protocol=4),
        "unchecked": unchecked,
        "odd": checkpoint(odd),
        "untyped": checkpoint(untyped),
        "values": checkpoint(values),
        "one": checkpoint(torch.arange(3.0)),
        "module": checkpoint(torch.nn.Linear(2, 1)),
    }
    return {name: encode(data) for name, data in files.items()}


def numpy_files():
    def npy(array, version=None):
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=version, allow_pickle=True)
        return encode(file.getvalue())

    grid = np.arange(6).reshape(2, 3)
    arrays = {code: grid.astype(code) for code in ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8", "|b1", "|i1", "|u1"]}
    arrays |= {f"{order}{kind}{size}": grid.astype(f"{order}{kind}{size}") for order in "<>" for kind in "iu" for size in (2, 4, 8)}
    files = {name: npy(array) for name, array in arrays.items()}
    files["fortran"] = npy(np.asfortranarray(grid.astype("<f4")))
    files["scalar"] = npy(np.array(7.5))
    files["empty"] = npy(np.zeros((0, 3), "<f4"))
    files["version 1"] = npy(grid.astype("<f4"), (1, 0))
    files["version 2"] = npy(grid.astype("<f4"), (2, 0))
    files["version 3"] = npy(grid.astype("<f4"), (3, 0))
    files["complex"] = npy(grid.astype("<c8"))
    files["text"] = npy(np.array(["a", "bc"]))
    files["object"] = npy(np.array([{}, None], dtype=object))
    files["structured"] = npy(np.zeros(2, dtype=[("a", "<f4"), ("\u00e9", "<i2")]))
    for name, save in {"npz": np.savez, "npz deflated": np.savez_compressed}.items():
        file = io.BytesIO()
        save(file, a=grid.astype("<f4"), **{"b.weight": np.array(3, "<i8")})
        files[name] = encode(file.getvalue())
    return files


def safetensors_files():
    tensors = {
        "b": torch.tensor([1.0, 2.0]),
        "a": torch.tensor([[3]], dtype=torch.int64),
        "half": torch.tensor([0.5]).half(),
        "brain": torch.tensor([0.5]).bfloat16(),
        "double": torch.tensor([0.25], dtype=torch.float64),
        "bytes": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "int8": torch.tensor([-1], dtype=torch.int8),
        "int16": torch.tensor([-2], dtype=torch.int16),
        "int32": torch.tensor([-3], dtype=torch.int32),
        "u16": torch.tensor([4], dtype=torch.uint16),
        "u32": torch.tensor([5], dtype=torch.uint32),
        "u64": torch.tensor([6], dtype=torch.uint64),
        "f8": torch.tensor([1.0]).to(torch.float8_e4m3fn),
        "f8b": torch.tensor([1.0]).to(torch.float8_e5m2),
        "none": torch.zeros(0, 3),
        "10": torch.tensor(7.0),
    }
    return {"all": encode(save_safetensors(tensors, {"format": "pt"}))}


fixtures = {
    "pickle": pickles(),
    "zip": zips(),
    "torch": torch_files(),
    "numpy": numpy_files(),
    "safetensors": safetensors_files(),
}
(here / "fixtures.json").write_text(json.dumps(fixtures, indent=1) + "\n")
