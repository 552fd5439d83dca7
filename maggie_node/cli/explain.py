"""`maggie-node explain`: how a matte, a movie or a picture was made, from its own header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from maggie_node.cli.commands import debug_option


@click.command(short_help="How a matte file was made.")
@click.argument("frame", metavar="FRAME.exr", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@debug_option
def explain(frame: Path, *, as_json: bool) -> None:
    """Print what FRAME.exr, a movie or a picture says of itself: model, licence, settings, instances, ...

    \b
    For example:
      maggie-node explain matte.1001.exr
    """
    from maggie_core import mattes
    from maggie_node.pictures import explain_picture

    record = mattes.explain(frame) if frame.suffix.lower() == ".exr" else explain_picture(frame)
    if as_json:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    width = max(len(key) for key in record)
    for key, value in record.items():
        text = _text(key, value)
        click.echo(f"{key:<{width}}  {text}")


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if key == "enlarged" and value and all(isinstance(each, dict) for each in value):
        return ", ".join(f"{each['name']} x{each['factor']:.1f} from {each['region']}" for each in value)
    return json.dumps(value, ensure_ascii=False)
