"""Train the default model on generated people and export it.

    python tools/train_default.py bank RUN            # figures and backgrounds, once
    python tools/train_default.py train RUN --minutes 80
    python tools/train_default.py export RUN -o core/maggie_core/weights

`train` goes on from RUN/checkpoint.pt when there is one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from maggie_core.synthesis import BankPlan, build_bank
from maggie_core.training.feed import scene_batches
from maggie_core.training.loop import Trainer, TrainSettings, settle_norms
from maggie_core.training.windows import TrainingBatch


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["bank", "train", "export"])
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--bank", type=Path, help="default: RUN/bank")
    parser.add_argument("--figures", type=int, default=1500)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    bank = args.bank or args.run / "bank"
    if args.what == "bank":
        build_bank(bank, BankPlan(figures=args.figures, backgrounds=args.figures, size_px=384, seed=0))
    elif args.what == "train":
        train(args, bank)
    else:
        export(args, bank)


def train(args: argparse.Namespace, bank: Path) -> None:
    trainer = _trainer(args)
    batches = _batches(args, bank, trainer)
    trainer.run(batches, args.run)


def export(args: argparse.Namespace, bank: Path) -> None:
    """The averaged weights as float16 under the published names; unfrozen norms are settled first."""
    trainer = _trainer(args)
    net = trainer.average
    if trainer.progress < trainer.settings.freeze_norms_from:
        video, crop = multiprocessing.Value("i", 0), multiprocessing.Value("i", 224)
        scenes = scene_batches(
            bank, seed=args.seed + 7, batch=8, video=video.get_obj(), crop_px=crop.get_obj(), workers=0
        )
        settle_norms(net, scenes, 16)
    state = {name: tensor for name, tensor in net.state_dict().items() if "num_batches_tracked" not in name}
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "maggie-default.safetensors"
    save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, path)
    path.chmod(0o644)
    about = {
        "name": "maggie-default",
        "kind": "video",
        "licence": "Apache-2.0",
        "commercial": True,
        "trained": {"steps": trainer.step},
    }
    (args.output / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB after {trainer.step} steps")


def _trainer(args: argparse.Namespace) -> Trainer:
    trainer = Trainer(TrainSettings(minutes=args.minutes, seed=args.seed))
    checkpoint = args.run / "checkpoint.pt"
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    return trainer


def _batches(args: argparse.Namespace, bank: Path, trainer: Trainer) -> Iterator[TrainingBatch]:
    """Crops of 192 px, then 256; single frames, then windows of three, as the training moves on."""
    video, crop = multiprocessing.Value("i", 0), multiprocessing.Value("i", 192)
    for batch in scene_batches(
        bank,
        seed=args.seed * 1_000_003 + trainer.step,
        batch=args.batch,
        video=video.get_obj(),
        crop_px=crop.get_obj(),
        workers=args.workers,
    ):
        video.value = int(trainer.progress >= trainer.settings.video_from)
        crop.value = 192 if trainer.progress < 0.45 else 256
        yield batch


if __name__ == "__main__":
    main()
