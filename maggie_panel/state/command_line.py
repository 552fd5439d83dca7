"""The command that does what the panel does, for a terminal, a script or a colleague."""

from __future__ import annotations

import shlex
from typing import Any, Optional

from maggie_api.errors import JobError
from maggie_api.job import (
    CryptomatteGuidance,
    Guidance,
    IdMapGuidance,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    MatteJob,
)
from maggie_api.settings import options_of

from .document import SETTINGS

SPELLED = {"segment_frames": "--segment", "warmup_frames": "--warmup"}
"""Options of the command line that are not called as the field."""


def matte_command(job: MatteJob) -> tuple[str, ...]:
    """The words of `maggie-node matte ...` that make the same job.

    Raises:
        JobError: the command line cannot say it, because of a sign in a name; the job document can.
    """
    if not job.output and not job.pictures:
        raise JobError("the command line needs an output, mattes or pictures: name one, or save the job")
    words = ["maggie-node", "matte", job.plate]
    if job.output:
        words += ["-o", job.output]
    for picture in job.pictures:
        name = f"{_name(picture.instance)}=" if picture.instance is not None else ""
        words += ["-o", f"{name}{picture.path}"]
    if job.preview is not None:
        words += ["--preview", job.preview]
    for source in job.guidance:
        words += _guidance(source)
    for pin in job.pins:
        words += ["--pin", f"{_name(pin.name)}={_with_part(pin.sequence, pin.channel)}"]
    for kind in ("core", "garbage"):
        for hold in getattr(job, kind):
            words += [f"--{kind}", f"{_name(hold.name)}={_with_part(hold.sequence, hold.part)}"]
    for person in job.per_person:
        words += [_spelled(person.option), f"{_name(person.name)}={_value(person.value)}"]
    for option in options_of(*SETTINGS).values():
        value = getattr(job, option.name)
        if value != option.default:
            words += _option(option.name, value)
    return tuple(words)


def command_text(job: MatteJob) -> str:
    """The command as a line for a shell.

    Raises:
        JobError: as `matte_command`.
    """
    return " ".join(shlex.quote(word) for word in matte_command(job))


def _option(name: str, value: Any) -> list[str]:
    if name == "depth":
        return [f"--{value}"]
    if name == "resume":
        return ["--resume" if value else "--overwrite"]
    if value is True:
        return [_spelled(name)]
    return [_spelled(name), _value(value)]


def _guidance(source: Guidance) -> list[str]:
    words: list[str] = []
    if isinstance(source, (MaskGuidance, KeyGuidance)):
        option = "--guidance" if isinstance(source, MaskGuidance) else "--key"
        words = [option, f"{_name(source.name)}={_with_part(source.sequence, source.channel)}"]
    elif isinstance(source, IdMapGuidance):
        words = ["--id-map", source.sequence]
        for named in source.names:
            words += ["--instance", f"{named.id}={named.name}"]
    elif isinstance(source, (LayersGuidance, CryptomatteGuidance)):
        if isinstance(source, LayersGuidance):
            words = ["--guidance-layers", source.sequence]
        else:
            words = ["--cryptomatte", _with_part(source.sequence, source.layer)]
        for name in source.instances:
            words += ["--instance", name]
    if source.offset:
        words += ["--guidance-offset", str(source.offset)]
    return words


def _spelled(name: str) -> str:
    return SPELLED.get(name, "--" + name.replace("_", "-"))


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _with_part(sequence: str, part: Optional[str]) -> str:
    return sequence if part is None else f"{sequence}:{part}"


def _name(name: Optional[str]) -> str:
    if name is None or any(sign in name for sign in "=/\\"):
        raise JobError(
            f"the name {name!r} has a sign that the command line cannot take: save the job instead"
        )
    return name
