"""Weights files: names, folders and hub repositories; reading, building a network from one, and writing one.

A file's way into a model is straight: `find_weights` gives its path, `read_weights` what it holds,
`build_network` a checked network that may be trained further, `from_state_dict` that network folded for
inference. `load_model` does all of it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from maggie_api.errors import ModelError
from maggie_api.events import FoundDevice
from maggie_core.io.atomic import atomic_file
from maggie_core.model.config import infer_config
from maggie_core.model.layers import fold
from maggie_core.model.matte_model import MatteModel, ModelInfo
from maggie_core.model.network import Network
from maggie_core.model.per_instance import PerInstanceModel
from maggie_core.model.soundness import check_folded, check_types, check_values
from maggie_core.weights.catalogue import about_weights, error_line, find_weights

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Instances = Literal["together", "alone"]

UNUSED = ("decoder.dummy_downscale.", "num_batches_tracked")
"""Parts of names whose tensors no result depends on; a checkpoint may leave them out."""


def load_model(
    spec: str = "default",
    *,
    device: str = "auto",
    precision: Precision = "auto",
    instances: Instances = "together",
) -> MatteModel:
    """Load a model by name or path.

    Args:
        spec: `default` or `generated` (shipped, commercial use allowed), `him50k` or `vim2k5` (published
            weights, fetched once from the Hugging Face hub and cached), a `.safetensors` file, a folder with
            a `config.json`, or a pickled checkpoint (read with `weights_only=True`).
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: of the dense stages, as in `choose_precision`.
        instances: all of them in one pass, or each in a pass of its own (`PerInstanceModel`), for comparison.

    Raises:
        ModelError: unknown name, no such file, damaged file, foreign or unsound weights, device not there.
    """
    chosen = choose_device(device)
    weights = find_weights(spec)
    if chosen.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32
    content = _content(weights)
    with ThreadPoolExecutor(1, "file-digest") as pool:  # beside the building, which takes longer
        checksum = pool.submit(_sha256, content)
        found = _weights_in(content, weights)
        del content  # which is as large as the tensors
        model = _model_of(found.state, found.metadata, instances)
        model.info = replace(model.info, **about_weights(spec, weights), sha256=checksum.result())
    return model.to(chosen, choose_precision(precision, chosen))


def choose_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16", "fp16"]:
    """The number format that takes effect on a device.

    `auto` is bfloat16 on a CUDA device that has it in hardware (emulated it is slower), and else float32.
    On a CPU it is float32 even where bfloat16 is measured to be faster (`runtime.precision_speed`): a
    measurement would give frames of one shot two formats on two machines of a farm.
    """
    if precision != "auto":
        return precision
    is_fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if is_fast else "fp32"


def from_state_dict(
    state: Mapping[str, Tensor],
    *,
    metadata: Mapping[str, str] | None = None,
    instances: Instances = "together",
) -> MatteModel:
    """Build the model `state` belongs to, folded for inference.

    Args:
        state: as in `build_network`.
        metadata: as in `build_network`.
        instances: as in `load_model`.

    Returns:
        A model in evaluation mode, on the CPU, in float32.

    Raises:
        ModelError: as in `build_network`.
    """
    return _model_of(_used(state), metadata, instances)


def _model_of(
    state: dict[str, Tensor], metadata: Mapping[str, str] | None, instances: Instances
) -> MatteModel:
    """As `from_state_dict`; it empties `state`, so that weights are in memory once."""
    network = _empty_network(state, metadata)
    config, learned = network.config, _used(state)
    info = ModelInfo(
        "custom",
        "video" if config.temporal else "image",
        sum(tensor.numel() for name, tensor in learned.items() if "running_" not in name),
        digest=digest_tensors(learned, metadata=config.metadata),
    )
    del learned
    _fill(network, state)
    network.eval().requires_grad_(False)
    fold(network)
    check_folded(network.state_dict().items())
    return (MatteModel if instances == "together" else PerInstanceModel)(network, info)


def build_network(state: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> Network:
    """Build the network `state` belongs to, image or video, with the channel counts its tensors have.

    Args:
        state: the published names. Tensors of any floating-point type are read as float32, in copies.
        metadata: what no tensor says (`NetworkConfig.metadata`), for a variant of the video network.

    Returns:
        The network on the CPU, in float32, not folded: it may be trained further.

    Raises:
        ModelError: names are missing or unknown, a shape does not fit, or the values are those of no trained
            network (`soundness`); one line that names the tensors.
    """
    network = _empty_network(state, metadata)
    _fill(network, _used(state))
    return network


def _empty_network(state: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> Network:
    """The network that tensors belong to, without memory for its own; as `build_network` refuses others."""
    state = _used(state)
    try:
        config = infer_config(state, metadata)
        with torch.device("meta"), _Unfilled():
            network = Network(config)
    except (RuntimeError, IndexError, ValueError, ZeroDivisionError) as error:
        raise ModelError(
            f"these weights have no consistent channel counts: {str(error).splitlines()[0]}"
        ) from error
    expected = _used(network.state_dict())
    missing, unknown = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or unknown:
        raise ModelError(
            f"these are not weights of this network: {_names(missing, 'missing')}{_names(unknown, 'unknown')}"
        )
    wrong = [
        f"{name} is {list(state[name].shape)}, needs {list(tensor.shape)}"
        for name, tensor in expected.items()
        if state[name].shape != tensor.shape
    ]
    if wrong:
        raise ModelError(f"weights of a wrong shape: {'; '.join(wrong[:4])}{_more(len(wrong) - 4)}")
    check_types(state)
    return network


def _fill(network: Network, state: dict[str, Tensor]) -> None:
    """Give an empty network copies of its tensors as float32, and empty `state` on the way.

    Raises:
        ModelError: the values are those of no trained network.
    """
    values = {}
    for name in _used(state):
        values[name] = state.pop(name).to(torch.float32, copy=True)
    check_values(values)
    network.to_empty(device="cpu")
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()
    network.load_state_dict(values, strict=False, assign=True)


class _Unfilled(TorchFunctionMode):
    """Leaves new tensors as they are.

    On the meta device they have no values, and to fill one loads torch's compiler: a second of every start.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _used(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors a result depends on."""
    return {name: tensor for name, tensor in state.items() if not any(part in name for part in UNUSED)}


def digest_tensors(state: Mapping[str, Tensor], *, metadata: Mapping[str, str]) -> str:
    """Hexadecimal sha256 of what decides a network's results, the same in whatever file and order it stands.

    Args:
        state: names, types, shapes and values count; tensors that no result depends on do not.
        metadata: of the network that they make (`NetworkConfig.metadata`).
    """
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, tensor in sorted(_used(state).items()):
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_weights(network: Network, path: Path) -> None:
    """Write a trained network as a `.safetensors` file that `load_model` takes by its path, variant and all.

    Tensors are rounded to float16, which halves the file. The same network always gives the same bytes.

    Raises:
        OutputError: the file cannot be written; what was there before is untouched.
    """
    from safetensors.torch import save

    tensors = {
        name: tensor.detach().cpu().half().contiguous()
        for name, tensor in _used(network.state_dict()).items()
    }
    with atomic_file(path) as temporary:
        temporary.write_bytes(_with_sorted_header(save(tensors, metadata=network.config.metadata)))


def _with_sorted_header(weights: bytes) -> bytes:
    """The bytes of a `.safetensors` file with its header sorted; safetensors gives metadata any order."""
    size = int.from_bytes(weights[:8], "little")
    header = json.dumps(json.loads(weights[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # what follows begins at a multiple of eight
    return len(header).to_bytes(8, "little") + header + weights[8 + size :]


@dataclass(frozen=True, eq=False)
class Weights:
    """What one reading of a weights file found."""

    state: dict[str, Tensor]
    metadata: dict[str, str]
    """Of a `.safetensors` file; a pickled checkpoint has none."""


def read_weights(path: Path) -> Weights:
    """A `.safetensors` file or a pickled checkpoint. It is read once, so that its parts belong together.

    Raises:
        ModelError: the file is damaged, cut short, or holds more than tensors.
    """
    return _weights_in(_content(path), path)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of `read_weights`, which raises the same."""
    return read_weights(path).state


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _weights_in(content: bytes, path: Path) -> Weights:
    """What the content of a file holds; `path` says its kind, and names it in an error."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            state = load(content)
            size = int.from_bytes(content[:8], "little")
            return Weights(state, json.loads(content[8 : 8 + size]).get("__metadata__", {}))
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(map(_is_named_tensor, loaded, loaded.values())):
        raise ModelError(f"{path} holds no table of tensors: it needs to be a state_dict")
    return Weights(loaded, {})


def _is_named_tensor(name: object, value: object) -> bool:
    """Whether it can stand in a state_dict; sparse tensors and those without values cannot."""
    return (
        isinstance(name, str)
        and isinstance(value, Tensor)
        and value.layout == torch.strided
        and not value.is_meta
    )


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path} cannot be read as weights ({error_line(error)}): fetch or copy it again")


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ModelError: the device is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"no device called {name}: use auto, cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and (not cuda or (device.index or 0) >= torch.cuda.device_count()):
        raise ModelError(
            f"device {name} is not here ({torch.cuda.device_count()} CUDA devices found): use --device auto"
        )
    if device.type == "mps" and not mps:
        raise ModelError(f"device {name} is not here: use --device auto")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise ModelError(f"device {name} is not supported: use auto, cpu, cuda, cuda:1 or mps")
    return device


def found_devices() -> tuple[FoundDevice, ...]:
    """The devices that `choose_device` would take on this machine."""
    found = [FoundDevice("cpu", f"{torch.get_num_threads()} threads")]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        found.append(FoundDevice(f"cuda:{index}", f"{properties.name}, {memory}"))
    if torch.backends.mps.is_available():
        found.append(FoundDevice("mps", "Apple GPU"))
    return tuple(found)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _names(names: list[str], what: str) -> str:
    return f"{len(names)} {what} ({', '.join(names[:4])}{_more(len(names) - 4)}) " if names else ""


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
