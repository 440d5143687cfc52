#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the small files in tests/data/codec. Needs numpy and torch (any version from 1.6)."""
import collections
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import torch

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "codec")
TEXT = b"the same words again and again, " * 40


def write(path, data):
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def make_zip(comment=b"", zip64=False, names=("a.txt", "sub/b.bin", "empty")):
    out = io.BytesIO()
    contents = [TEXT, bytes(range(64)), b""]
    with zipfile.ZipFile(out, "w") as archive:
        for i, (name, data) in enumerate(zip(names, contents)):
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if i else zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=zip64) as entry:
                entry.write(data)
        archive.comment = comment
    return out.getvalue()


def with_zip64_end(data):
    """Moves the end record's numbers into a zip64 end record, as writers of huge files do."""
    at = data.rindex(b"PK\5\6")
    count, size, offset = struct.unpack("<HLL", data[at + 10 : at + 20])
    end64 = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = b"PK\6\7" + struct.pack("<LQL", 0, at, 1)
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:at] + end64 + locator + end


def with_zip64_entries(data):
    """Moves sizes and offsets of every directory record into zip64 fields."""
    at = data.rindex(b"PK\5\6")
    count, size, offset = struct.unpack("<HLL", data[at + 10 : at + 20])
    records, pos = b"", offset
    for _ in range(count):
        fields = list(struct.unpack("<4sHHHHHHLLLHHHHHLL", data[pos : pos + 46]))
        name = data[pos + 46 : pos + 46 + fields[10]]
        pos += 46 + fields[10] + fields[11] + fields[12]
        extra = struct.pack("<HHQQQ", 1, 24, fields[9], fields[8], fields[16])
        fields[8] = fields[9] = fields[16] = 0xFFFFFFFF
        fields[11], fields[12] = len(extra), 0
        records += struct.pack("<4sHHHHHHLLLHHHHHLL", *fields) + name + extra
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, count, count, len(records), offset, 0)
    return data[:offset] + records + end


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 2, 3)
        self.again = self.conv

    def forward(self, x):
        return self.again(torch.relu(self.conv(x)))


def make_zips():
    write("zip/plain.zip", make_zip())
    write("zip/comment.zip", make_zip(comment=b"PK\5\6 is not the end"))
    write("zip/zip64_end.zip", with_zip64_end(make_zip()))
    write("zip/zip64_entries.zip", with_zip64_entries(make_zip(zip64=True)))
    write("zip/empty.zip", make_zip(names=()))
    write("zip/duplicate.zip", make_zip(names=("a.txt", "a.bin")).replace(b"a.bin", b"a.txt"))
    torch.manual_seed(1)
    traced = torch.jit.trace(Net().eval(), torch.zeros(1, 2, 8, 8))
    out = io.BytesIO()
    torch.jit.save(traced, out)
    write("zip/traced.pt", out.getvalue())
    with zipfile.ZipFile(out) as archive:
        write("pickle/traced_data.pkl", archive.read("archive/data.pkl"))


def sample():
    shared = [1, 2]
    loop = ["loop"]
    loop.append(loop)
    return {
        "none": None, "yes": True, "no": False, "small": 7, "byte": 200, "short": 60000,
        "negative": -5, "wide": 1 << 40, "least": -(1 << 63), "big": 1 << 70, "float": 0.1,
        "text": "größer", "long text": "x" * 300, "bytes": b"\x00\xff", "long bytes": b"b" * 300,
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "set": {5},
        "shared": (shared, shared), "ordered": collections.OrderedDict([("k", 1), ("l", 2)]),
        "loop": loop, "complex": complex(1, 2), "many": list(range(1200)),
    }


def make_pickles():
    for protocol in range(2, 6):
        write("pickle/sample%d.pkl" % protocol, pickle.dumps(sample(), protocol))
    state = collections.OrderedDict(weight=torch.arange(6.0).reshape(2, 3))
    state["view"] = state["weight"][1]
    state._metadata = {"version": 1}
    out = io.BytesIO()
    torch.save(state, out, _use_new_zipfile_serialization=False)
    write("pickle/legacy.pth", out.getvalue())
    write("pickle/python2.pkl", b"\x80\x02}q\x00(U\x03keyU\x02\xff\xfeT\x01\x00\x00\x00kK\x01u.")


def make_npys():
    values = np.arange(24).reshape(2, 3, 4)
    for name in ("f2", "f4", "f8", "u1", "i1", "i2", "i4", "i8", "u2", "u4", "u8"):
        for order, word in (("<", "little"), (">", "big")):
            out = io.BytesIO()
            np.save(out, np.asfortranarray(values.astype(order + name)) if order == ">"
                    else values.astype(order + name))
            write("npy/%s_%s.npy" % (name, word), out.getvalue())
    for name, array, version in (
        ("bool", values % 3 == 0, (1, 0)), ("scalar", np.float32(2.5), (2, 0)),
        ("vector", np.arange(3, dtype=np.int8), (3, 0)), ("none", np.zeros((0, 3), np.float32), None),
        ("object", np.array([1, "x", None], dtype=object), None),
        ("record", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]), None),
        ("complex", np.zeros(2, np.complex64), None), ("text", np.array(["ab", "c"]), None),
        ("too_large", np.array([1 << 63], np.uint64), None),
    ):
        out = io.BytesIO()
        np.lib.format.write_array(out, np.asarray(array), version=version)
        write("npy/%s.npy" % name, out.getvalue())


def make_jsons():
    documents = {
        "values": b' {"a": [1, -2.5e3, true, false, null, "t\\u00e9\\n\\ud83d\\ude00"], "b": {}, '
                  b'"c": [], "a b": 9223372036854775807, "big": 9223372036854775808}\n',
        "bom": b"\xef\xbb\xbf[0]", "twice": b'{"k":1,"l":2,"k":3}', "deep": b"[" * 128 + b"]" * 128,
        "bad_deep": b"[" * 129 + b"]" * 129, "bad_comma": b"[1,2,]", "bad_cut": b'{"a": "b',
        "bad_number": b"[01]", "bad_surrogate": b'"\\ud800x"', "bad_utf8": b'"\xc0\x80"',
        "bad_nan": b"[NaN]", "bad_tail": b"{} {}",
    }
    for name, data in documents.items():
        write("json/%s.json" % name, data)


make_zips()
make_pickles()
make_npys()
make_jsons()
