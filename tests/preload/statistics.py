"""Lines of statistics from standard input against the schema, and against themselves.

usage: statistics.py SCHEMA [LINES]: fails when a line is not valid, a key is not described, sums
differ, or there are not so many lines. With the module jsonschema it is asked, too.
"""

import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_a(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check(value, schema, at):
    """The part of JSON Schema that ours uses."""
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    assert not names or any(is_a(value, n) for n in names), f"{at}: {value!r} is no {names}"
    assert "enum" not in schema or value in schema["enum"], f"{at}: {value!r}"
    assert "const" not in schema or value == schema["const"], f"{at}: {value!r}"
    if isinstance(value, int) and "minimum" in schema:
        assert value >= schema["minimum"], f"{at}: {value}"
    if "pattern" in schema:
        assert re.search(schema["pattern"], value), f"{at}: {value!r}"
    if isinstance(value, dict):
        known = schema["properties"]
        assert set(value) == set(known), f"{at}: {set(value) ^ set(known)}"
        for key in value:
            check(value[key], known[key], f"{at}.{key}")
    if isinstance(value, list):
        for i, item in enumerate(value):
            check(item, schema["items"], f"{at}[{i}]")


def described(schema, at):
    """Each key is explained; nothing may be there that is not."""
    assert len(schema.get("description", "")) > 3, f"{at} is not described"
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False, at
        assert schema["required"] == list(schema["properties"]), at
        for key, inner in schema["properties"].items():
            described(inner, f"{at}.{key}")
    if "items" in schema:
        described(schema["items"], f"{at}[]")


def total(items, key):
    return sum(item[key] for item in items)


def consistent(line):
    """For a process whose threads rest."""
    blocks, classes, large = line["blocks"], line["classes"], line["large"]
    assert blocks["small_live"] == total(classes, "live")
    assert blocks["small_live_bytes"] == total(classes, "live_bytes")
    assert blocks["live_bytes"] == blocks["small_live_bytes"] + large["live_bytes"]
    assert blocks["live"] == blocks["small_live"] + large["live"]
    assert blocks["cached"] == total(classes, "cached")
    assert blocks["hole_bytes"] == total(classes, "hole_bytes")
    assert blocks["cached"] + blocks["fresh"] <= blocks["free"]
    units = line["superslabs"]
    assert units["count"] == sum(units["by_slabs_in_use"].values())
    assert units["free_slabs"] + total(classes, "slabs") == units["count"] * 32
    assert large["live"] == large["allocated"] - large["freed"]
    for key, value in line["work"].items():
        assert value == total(line["heaps"], key), key


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        schema = json.load(file)
    described(schema, "$")
    try:
        import jsonschema
    except ImportError:
        jsonschema = None
        print("no module jsonschema: by ourselves alone")
    n = 0
    for text in sys.stdin:
        line = json.loads(text)
        check(line, schema, "$")
        consistent(line)
        if jsonschema:
            jsonschema.validate(line, schema)
        n += 1
    assert n > 0 and (len(sys.argv) < 3 or n == int(sys.argv[2])), f"{n} lines"


main()
