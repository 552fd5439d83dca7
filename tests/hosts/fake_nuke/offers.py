"""What the tests' Nuke offers, as JSON: functions with signatures, classes with members, other names.

A signature is [[name, is it positional, has it a default], ...]; *args is named "*", **kwargs "**".
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import nuke  # noqa: E402

KINDS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def signature(function: Any, *, skip: int = 0) -> list[list[Any]]:
    found = list(inspect.signature(function).parameters.values())[skip:]
    return [
        [
            KINDS.get(each.kind, each.name),
            each.kind is not inspect.Parameter.KEYWORD_ONLY,
            each.default is not inspect.Parameter.empty,
        ]
        for each in found
    ]


def members(kind: type) -> dict[str, Any]:
    found = {}
    for name in dir(kind):
        if name.startswith("_"):
            continue
        owner = next(each for each in kind.__mro__ if name in vars(each))
        if owner in (BaseException, object):
            continue
        raw = vars(owner)[name]
        if isinstance(raw, classmethod):
            found[name] = signature(raw.__func__, skip=1)
        elif inspect.isfunction(raw):
            found[name] = signature(raw, skip=1)
        else:
            found[name] = None
    return found


def offers() -> dict[str, Any]:
    public = {name: value for name, value in vars(nuke).items() if not name.startswith("_")}
    public.pop("annotations", None)
    return {
        "functions": {name: signature(value) for name, value in public.items() if inspect.isfunction(value)},
        "classes": {
            name: {"bases": [each.__name__ for each in value.__mro__], "members": members(value)}
            for name, value in public.items()
            if inspect.isclass(value)
        },
        "names": [n for n, v in public.items() if not inspect.isfunction(v) and not inspect.isclass(v)],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(offers()))
