#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps what fuzzing has found worth keeping: one archive for each target, tests/fuzz/corpus/TARGET.tar.xz.

usage: fuzz_corpus.py unpack TARGET FOLDER   into the folder, which keeps what it has
       fuzz_corpus.py pack TARGET FOLDER     the files of the folder, less those that are too long
A target without an archive unpacks to an empty folder. libFuzzer's -set_cover_merge=1 makes folders
small enough to keep.
"""
import io
import os
import pathlib
import sys
import tarfile

CORPUS = pathlib.Path(__file__).resolve().parents[1] / 'tests/fuzz/corpus'
LONGEST = 1 << 16


def unpack(archive, folder):
    folder.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        return
    with tarfile.open(archive) as files:
        for member in files:
            if member.isfile() and os.sep not in member.name:
                (folder / member.name).write_bytes(files.extractfile(member).read())


def pack(archive, folder):
    """The same files give the same archive."""
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, 'w:xz', preset=9) as files:
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            if len(data) <= LONGEST:
                member = tarfile.TarInfo(path.name)
                member.size = len(data)
                files.addfile(member, io.BytesIO(data))


if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in ('unpack', 'pack'):
        sys.exit(__doc__)
    {'unpack': unpack, 'pack': pack}[sys.argv[1]](CORPUS / (sys.argv[2] + '.tar.xz'), pathlib.Path(sys.argv[3]))
