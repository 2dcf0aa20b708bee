#!/usr/bin/env python3
"""Print chart/README.md: chart/README.md.in and a table of values.yaml's comments.

usage: tests/chart/readme.py > chart/README.md

Knows the YAML that values.yaml is written in: maps by two blanks, comments above
their key, lists in one line. Every value that is no map has to have a comment.
"""

import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parents[2] / "chart"
KEY = re.compile(r"^( *)([A-Za-z]+):(?: (.*))?$")
# Maps that are one value to the reader; their default is shown on one line.
WHOLE = {"dashboard.labels", "podSecurityContext", "securityContext", "resources", "nodeSelector"}


def read(lines):
    """Yield (path, default, comment) of each value."""
    path, comment, whole = [], [], None
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        depth = (len(line) - len(line.lstrip())) // 2
        if whole and stripped and depth > whole[3]:
            whole[1].append(stripped)
            continue
        if whole:
            yield whole[0], flow(whole[1]), whole[2]
            whole = None
        if stripped.startswith("#"):
            comment.append(stripped[1:].strip())
            continue
        if not stripped:
            comment = []
            continue
        match = KEY.match(line)
        if not match:
            sys.exit(f"values.yaml:{number}: not understood: {line}")
        path = path[:depth] + [match[2]]
        name, text = ".".join(path), " ".join(comment)
        comment = []
        if name in WHOLE:
            whole = (name, [], text, depth)
        elif match[3] is not None:
            if not text:
                sys.exit(f"values.yaml:{number}: {name} has no comment")
            yield name, match[3], text
    if whole:
        yield whole[0], flow(whole[1]), whole[2]


def flow(lines):
    """The lines of a map, as a reader would say them."""
    out = []
    for line in lines:
        out.append(line[:-1] + " →" if line.endswith(":") else line + ",")
    return " ".join(out).rstrip(",")


def main():
    values = read((CHART / "values.yaml").read_text().splitlines())
    text = (CHART / "README.md.in").read_text()
    text += "| value | default | meaning |\n|---|---|---|\n"
    for name, default, comment in values:
        comment = comment.replace("|", "\\|")
        text += f"| `{name}` | `{default}` | {comment} |\n"
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
