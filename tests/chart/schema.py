#!/usr/bin/env python3
"""Check values.schema.json against values.yaml, and print values that are all left empty.

usage: python3 -B tests/chart/schema.py > empty.json

`key:` with nothing after it is null, which Helm takes as "without the default".
Values whose empty form means something (texts that are empty by default, lists,
maps) are printed as null, for the test that renders them. All others have to be
`required`, so that a null is refused instead of rendered half.
"""

import json
import sys

from readme import CHART, WHOLE, read

EMPTY = {'""', "{}", "[]", "null"}


def main():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = list(read((CHART / "values.yaml").read_text().splitlines()))
    faults, empty, named = set(), {}, {"global"}
    for name, default, _ in values:
        node, nulls, path = schema, empty, name.split(".")
        for depth, key in enumerate(path, 1):
            named.add(".".join(path[:depth]))
            is_section = depth < len(path)
            may_be_empty = not is_section and (default in EMPTY or default[0] == "[" or name in WHOLE)
            if may_be_empty == (key in node.get("required", [])):
                faults.add(f"{'.'.join(path[:depth])} " + ("must not" if may_be_empty else "has to") + " be required")
            node = resolve(schema, node["properties"][key])
            if may_be_empty:
                nulls[key] = None
            elif is_section:
                nulls = nulls.setdefault(key, {})
    faults.update(f"{name} is not in values.yaml" for name in names(schema, named, "") if name not in named)
    if faults:
        sys.exit("\n".join(["values.schema.json:", *sorted(faults)]))
    json.dump(empty, sys.stdout)


def resolve(schema, node):
    """The node itself, or the definition that it refers to."""
    return schema["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def names(node, named, prefix):
    """Yield the name of everything in the schema, as deep as values.yaml goes."""
    for key, child in node["properties"].items():
        yield prefix + key
        if any(name.startswith(f"{prefix}{key}.") for name in named) and "properties" in child:
            yield from names(child, named, f"{prefix}{key}.")


if __name__ == "__main__":
    main()
