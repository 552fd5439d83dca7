"""`maggie-node models`: which weights there are, what they are, and whether they are sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from maggie_node.cli.commands import debug_option

if TYPE_CHECKING:
    from pathlib import Path

_JSON = click.option("--json", "as_json", is_flag=True, help="As one JSON object.")


@click.group(short_help="List, describe, fetch and verify weights.")
def models() -> None:
    """Weights by name or path.

    \b
    For example:
      maggie-node models list
    """


@models.command("list")
@_JSON
@debug_option
def list_models(*, as_json: bool) -> None:
    """Names that --model and --tracker know, their licences, and whether they are on this machine.

    \b
    For example:
      maggie-node models list --json
    """
    from maggie_core.model import model_names
    from maggie_core.weights.catalogue import TRACKERS

    rows = [_row(name) for name in (*model_names(), *TRACKERS)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        use = "commercial work allowed" if row["commercial"] else "no commercial work"
        where = "here" if row["path"] else f"not fetched: maggie-node models pull {row['name']}"
        click.echo(f"{row['name']:<16}{row['licence']:<16}{use:<26}{where}")


def _row(name: str) -> dict[str, Any]:
    from maggie_core.model import licence_of, local_weights

    licence, commercial = licence_of(name)
    path = local_weights(name)
    return {
        "name": name,
        "licence": licence,
        "commercial": commercial,
        "path": None if path is None else str(path),
    }


@models.command()
@click.argument("model", default="default")
@_JSON
@debug_option
def info(model: str, *, as_json: bool) -> None:
    """What MODEL (a name or a path) is.

    \b
    For example:
      maggie-node models info default
    """
    facts = _facts(model)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if key == "person_px":
            value = "{} to {}, heights of people in the picture it sees".format(*value)
        click.echo(f"{key:<14}{value}")


@models.command()
@click.argument("model")
@debug_option
def pull(model: str) -> None:
    """Fetch MODEL, so that it is there when the network is not.

    \b
    For example:
      maggie-node models pull vim2k5
    """
    from maggie_core.model import find_weights
    from maggie_core.weights.catalogue import check_whole, fetch_tracker, is_tracker, require_name

    require_name(model)
    weights = fetch_tracker(model) if is_tracker(model) else find_weights(model)
    check_whole(weights)
    click.echo(str(weights))


@models.command()
@click.argument("model", default="default")
@debug_option
def verify(model: str) -> None:
    """Read all of MODEL, check its weights, and compare the file with the checksum in its config.json.

    \b
    For example:
      maggie-node models verify runs/mine/best
    """
    facts = _facts(model)
    click.echo(f"{facts['path']} is sound: {facts['parameters']:,} parameters, sha256 {facts['sha256']}")


def _facts(model: str) -> dict[str, Any]:
    """What there is to know about MODEL.

    Raises:
        ModelError: the weights are damaged or unsound, or the file is not the one of its config.json; or they
            are a tracker's, and what reads them is not installed.
    """
    from maggie_core.model import find_weights, load_model
    from maggie_core.weights.catalogue import is_tracker, require_name

    require_name(model)
    if is_tracker(model):
        return _facts_of_tracker(model)
    path = find_weights(model)
    found = load_model(model, device="cpu", precision="fp32")
    loaded = found.info
    _check_sum(path, loaded.sha256)
    return {
        "name": loaded.name,
        "kind": loaded.kind,
        "frames": "three together" if found.window_frames > 1 else "each by itself",
        "parameters": loaded.parameters,
        "licence": loaded.licence,
        "commercial": loaded.commercial,
        **({"learned from": loaded.learned_from} if loaded.learned_from else {}),
        **({"encoder from": loaded.encoder_from} if loaded.encoder_from else {}),
        **({"person_px": list(loaded.person_px)} if loaded.person_px else {}),
        "refine": loaded.refine,
        "smooth": loaded.smooth,
        "sha256": loaded.sha256,
        "digest": loaded.digest,
        "path": str(path),
        "megabytes": round(path.stat().st_size / 1e6, 1),
    }


def _facts_of_tracker(tracker: str) -> dict[str, Any]:
    """The same of a tracker."""
    import hashlib

    import torch

    from maggie_core.model import licence_of
    from maggie_core.propagation.sam2 import Sam2Tracker

    licence, commercial = licence_of(tracker)
    found = Sam2Tracker(tracker, device=torch.device("cpu"))
    parameters = sum(tensor.numel() for tensor in found.network().parameters())
    with found.weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    _check_sum(found.weights, sha256)
    return {
        "name": tracker,
        "kind": "tracker",
        "parameters": parameters,
        "licence": licence,
        "commercial": commercial,
        "sha256": sha256,
        "digest": found.digest,
        "path": str(found.weights),
        "megabytes": round(found.weights.stat().st_size / 1e6, 1),
    }


def _check_sum(path: Path, found: str) -> None:
    from maggie_api.errors import ModelError

    config = path.parent / "config.json"
    if not config.is_file():
        return
    expected = json.loads(config.read_text(encoding="utf-8")).get("sha256", found)
    if expected != found:
        raise ModelError(
            f"{path} has sha256 {found[:12]}, its config.json says {expected[:12]}: fetch or copy it again"
        )
