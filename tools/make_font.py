#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns src/image/font.txt into src/image/font.c: make_font.py FONT_TXT FONT_C"""
import sys

ROWS, COLUMNS = 10, 6

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made from font.txt by tools/make_font.py: change that, not this. */
#include "formats.h"

/* clang-format off */
const uint8_t ork_font[95][ORK_FONT_HEIGHT] = {
"""


def read_letters(path):
    lines = [l.split() for l in open(path) if l.strip()]
    lines = [l for l in lines if l[0] != "#"]
    letters = []
    for start in range(0, len(lines), ROWS):
        block = lines[start : start + ROWS]
        letters += [list(rows) for rows in zip(*block, strict=True)]
    assert len(letters) == 95, len(letters)
    return letters


def byte_of(row):
    assert len(row) == COLUMNS and set(row) <= set("#."), row
    return sum(0x40 >> i for i, c in enumerate(row) if c == "#")


def main(source, target):
    with open(target, "w") as out:
        out.write(HEAD)
        for number, rows in enumerate(read_letters(source)):
            values = [0] + [byte_of(row) for row in rows] + [0]
            text = ", ".join(f"0x{v:02x}" for v in values)
            name = chr(32 + number).replace("\\", "backslash")
            out.write(f"    {{{text}}}, /* {name} */\n")
        out.write("};\n")


main(*sys.argv[1:])
