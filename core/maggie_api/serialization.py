"""Frozen dataclasses to and from JSON. Values that the annotations do not allow are refused.

Standard library only, Python 3.9: hosts import this. Types: str, bool, int, float, `Optional`,
`Literal`, `Union` of these, `tuple[X, ...]`, dataclasses, and unions of dataclasses told apart by `kind`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import typing
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, Union

from .errors import DocumentError

T = TypeVar("T")


def parse(text: str, what: str) -> Any:
    """JSON text as plain data; NaN, Infinity, a key given twice and integers of over 64 bits are refused.

    Args:
        what: name of the document in an error, e.g. `job` or a file name.

    Raises:
        DocumentError: the text is no JSON, with line and column.
    """

    def no_constant(name: str) -> None:
        raise DocumentError(f"{what}: {name} is not a JSON value: write a number")

    def whole_number(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
            raise DocumentError(
                f"{what}: a number of {len(digits)} digits is too large: it must fit into 64 bits"
            )
        return int(digits)

    def no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise DocumentError(f'{what}: field "{key}" is given twice: keep one')
            seen[key] = value
        return seen

    try:
        return json.loads(
            text, parse_int=whole_number, parse_constant=no_constant, object_pairs_hook=no_duplicates
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"{what}: not JSON at line {error.lineno} column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise DocumentError(f"{what}: nested too deeply to be one of ours") from None


def to_data(value: Any) -> Any:
    """Dataclasses as dicts (the tag first), tuples as lists; everything else as it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        names.sort(key=lambda name: name not in ("schema", "kind", "event"))
        return {name: to_data(getattr(value, name)) for name in names}
    if isinstance(value, (tuple, list)):
        return [to_data(item) for item in value]
    return value


def from_data(cls: type[T], data: Any, what: str) -> T:
    """An instance of dataclass `cls` from plain data.

    Raises:
        DocumentError: an unknown or missing field or a value of the wrong type, by its full name.
    """
    return _object(cls, data, what, "")


def one_of(classes: Sequence[type], data: Any, what: str, *, tag: str) -> Any:
    """An instance of the dataclass in `classes` whose field `tag` has the default `data[tag]`."""
    return _tagged(classes, data, what, "", tag)


def nearest(name: str, known: Sequence[str]) -> str:
    """`: did you mean "x"?` when some known name is close, else the list of what is known."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f': did you mean "{close[0]}"?' if close else f": known are {', '.join(known)}"


def _object(cls: type[T], data: Any, what: str, where: str) -> T:
    if not isinstance(data, dict):
        raise DocumentError(f"{what}: {_field(where)} is {_describe(data)}: it must be an object")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise DocumentError(f"{what}: unknown field {_quoted(where, key)}{nearest(key, list(fields))}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in data:
            raise DocumentError(f"{what}: field {_quoted(where, name)} is missing")
    values = {key: _value(hints[key], value, what, _join(where, key)) for key, value in data.items()}
    return cls(**values)


def _tagged(classes: Sequence[type], data: Any, what: str, where: str, tag: str) -> Any:
    if not isinstance(data, dict):
        raise DocumentError(f"{what}: {_field(where)} is {_describe(data)}: it must be an object")
    by_tag = {getattr(cls, tag): cls for cls in classes}
    if tag not in data:
        known = ", ".join(by_tag)
        raise DocumentError(f"{what}: field {_quoted(where, tag)} is missing: it is one of {known}")
    found = data[tag]
    if not isinstance(found, str) or found not in by_tag:
        hint = nearest(str(found), list(by_tag))
        raise DocumentError(f"{what}: {_quoted(where, tag)} is {_describe(found)}{hint}")
    return _object(by_tag[found], data, what, where)


def _value(hint: Any, value: Any, what: str, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        item_hint = typing.get_args(hint)[0]
        if not isinstance(value, list):
            raise DocumentError(f"{what}: {_field(where)} is {_describe(value)}: it must be a list")
        return tuple(_value(item_hint, item, what, f"{where}[{i}]") for i, item in enumerate(value))
    choices = typing.get_args(hint) if origin is Union else (hint,)
    classes = [choice for choice in choices if dataclasses.is_dataclass(choice)]
    if len(classes) > 1:
        return _tagged(classes, value, what, where, "kind")  # type: ignore[arg-type]
    if classes and (value is not None or type(None) not in choices):
        return _object(classes[0], value, what, where)  # type: ignore[type-var]
    for choice in choices:
        if _fits(choice, value):
            return value
    expected = " or ".join(_expected(choice) for choice in choices if choice is not type(None))
    options = [str(option) for choice in choices for option in _options(choice)]
    only_words = all(_options(choice) for choice in choices)
    hint_text = nearest(value, options) if only_words and isinstance(value, str) else ""
    raise DocumentError(
        f"{what}: {_field(where)} is {_describe(value)}" + (hint_text or f": it must be {expected}")
    )


def _fits(hint: Any, value: Any) -> bool:
    if typing.get_origin(hint) is Literal:
        return any(value == option and type(value) is type(option) for option in typing.get_args(hint))
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _expected(hint: Any) -> str:
    options = _options(hint)
    if options:
        return " or ".join(json.dumps(option) for option in options)
    return {str: "text", bool: "true or false", int: "a whole number", float: "a number"}[hint]


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _quoted(where: str, name: str) -> str:
    return f'"{_join(where, name)}"'


def _field(where: str) -> str:
    return f'field "{where}"' if where else "the document"
