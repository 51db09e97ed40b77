#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs the built web pages into the program.

web_assets.py pack DIST OUT.S OUT.c OUT.d   writes assembly that takes the files in by .incbin, and a C table of them
web_assets.py check WEB                     exits 1 when WEB/dist was not built from the sources next to it
"""
import gzip
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".png": "image/png",
         ".txt": "text/plain; charset=utf-8"}
PACKED = {".html", ".js", ".css", ".svg", ".txt"}


def files_below(top):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(top) for f in names)


def pack(dist, out_s, out_c, out_d):
    assembly = ["/* SPDX-License-Identifier: Apache-2.0 */", '\t.section .note.GNU-stack,"",%progbits',
                "\t.section .rodata"]
    externs, rows = [], []
    paths = files_below(dist)
    scratch = os.path.splitext(out_s)[0] + ".gz"
    os.makedirs(scratch, exist_ok=True)

    def include(symbol, path):
        quoted = os.path.abspath(path).replace("\\", "\\\\").replace('"', '\\"')
        assembly.extend([f"\t.balign 16", f"\t.global {symbol}", f"{symbol}:", f'\t.incbin "{quoted}"'])
        externs.append(f"extern const unsigned char {symbol}[];")

    for i, path in enumerate(paths):
        data = open(path, "rb").read()
        name, ending = "/" + os.path.relpath(path, dist).replace(os.sep, "/"), os.path.splitext(path)[1]
        include(f"web_bytes_{i}", path)
        packed = gzip.compress(data, 9, mtime=0) if ending in PACKED else data
        gz, n_gz = "NULL", 0
        if len(packed) < len(data):
            squeezed = os.path.join(scratch, f"{i}.gz")
            with open(squeezed, "wb") as f:
                f.write(packed)
            include(f"web_gzip_{i}", squeezed)
            gz, n_gz = f"web_gzip_{i}", len(packed)
        tag = hashlib.sha256(data).hexdigest()[:20]
        immutable = "true" if name.startswith("/assets/") else "false"
        rows.append(f'\t{{.path = "{name}", .type = "{TYPES.get(ending, "application/octet-stream")}", '
                    f'.etag = "\\"{tag}\\"", .bytes = web_bytes_{i}, .n_bytes = {len(data)}, .gzip = {gz}, '
                    f'.n_gzip = {n_gz}, .immutable = {immutable}}},')
    with open(out_s, "w", encoding="utf-8") as f:
        f.write("\n".join(assembly) + "\n")
    with open(out_c, "w", encoding="utf-8") as f:
        f.write("// SPDX-License-Identifier: Apache-2.0\n// Made by tools/web_assets.py from web/dist.\n"
                '#include "web/internal.h"\n\n' + "\n".join(externs) +
                "\n\nconst struct web_asset web_assets[] = {\n" + "\n".join(rows) + "\n};\n"
                f"const size_t n_web_assets = {len(rows)};\n")
    with open(out_d, "w", encoding="utf-8") as f:
        escaped = (p.replace(" ", "\\ ") for p in paths)
        f.write(f"{out_s} {out_c}: {' '.join(escaped)}\n")


def sum_of(web):
    files = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"]
    for folder in ("src", "public"):
        files += [os.path.relpath(p, web).replace(os.sep, "/") for p in files_below(os.path.join(web, folder))]
    total = hashlib.sha256()
    for name in sorted(files):
        digest = hashlib.sha256(open(os.path.join(web, name), "rb").read()).hexdigest()
        total.update(f"{digest}  {name}\n".encode())
    return total.hexdigest()


def check(web):
    stamp = open(os.path.join(web, "dist.sum"), encoding="ascii").read().strip()
    if stamp != sum_of(web):
        sys.exit("web/dist was not built from the sources in web/: run ./dev web")
    print("web/dist is what the sources in web/ give")


if __name__ == "__main__":
    {"pack": pack, "check": check}[sys.argv[1]](*sys.argv[2:])
