"""The rows of the paper's ablation tables as experiments: what to train, and what was printed there.

Tables 3 and 4 change how masks enter the image network and what it is trained for; table 6 changes what the
video network does with time. `mgm-stacked` is the network without instance attention, all masks stacked in
and one plane per slot out, which is what the paper's comparisons call MGM*.

Source: Huynh et al., "MaGGIe", CVPR 2024, tables 3, 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from maggie_api.errors import SettingsError
from maggie_core.model.config import Fusion, Gru
from maggie_lab.training.settings import RECIPES, LossWeights, Recipe

IMAGE_RECIPE, VIDEO_RECIPE = "paper-image", "paper-video"
IMAGE_WEIGHTS = "runs/table3-embedded-c3/best"
"""What video experiments go on from: the published image network."""
IMAGE_COLUMNS = tuple(f"{part} {metric}" for part in ("comp", "nat") for metric in ("MAD", "Grad", "Conn"))
VIDEO_COLUMNS = tuple(
    f"{part} {metric}" for part in ("easy", "medium", "hard") for metric in ("MAD", "dtSSD")
)
TITLES = {
    3: "Table 3: masks embedded or stacked (HIM2K + M-HIM2K)",
    4: "Table 4: attention loss and W8 (HIM2K + M-HIM2K)",
    6: "Table 6: temporal modules (V-HIM60)",
    None: "Beside the tables",
}


@dataclass(frozen=True)
class Experiment:
    """One training, and what the paper printed for it."""

    name: str
    table: int | None
    row: str
    recipe: Recipe
    printed: tuple[float, ...] = ()
    """By `IMAGE_COLUMNS` or `VIDEO_COLUMNS`; empty where the paper has no such row."""

    @property
    def is_video(self) -> bool:
        return self.recipe.config.temporal


def find_experiment(name: str) -> Experiment:
    """The experiment called `name`.

    Raises:
        SettingsError: there is none.
    """
    if name not in EXPERIMENTS:
        raise SettingsError(f"no experiment called {name}: known are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def _guidance(name: str, row: str, *printed: float, table: int | None = 3, **variant: object) -> Experiment:
    recipe = RECIPES[IMAGE_RECIPE]
    config = replace(recipe.config, **variant)  # pyright: ignore[reportArgumentType]
    return Experiment(name, table, row, replace(recipe, config=config), printed)


def _losses(*printed: float, attention: bool, edges: bool) -> Experiment:
    words = [f"{'' if used else 'no-'}{word}" for word, used in (("latt", attention), ("w8", edges))]
    row = f"L_att {'on' if attention else 'off'}, W8 {'on' if edges else 'off'}"
    recipe, published = RECIPES[IMAGE_RECIPE], LossWeights()
    weights = replace(published, attention=published.attention if attention else 0.0, coarse_edges=edges)
    settings = replace(recipe.settings, loss_weights=weights)
    return Experiment("-".join(["table4", *words]), 4, row, replace(recipe, settings=settings), printed)


def _time(gru: Gru, fusion: Fusion, *printed: float) -> Experiment:
    recipe = RECIPES[VIDEO_RECIPE]
    short = {"both": "bi"}.get(gru, gru)
    return Experiment(
        f"table6-gru-{short}-fusion-{fusion}",
        6,
        f"Conv-GRU {short}, fusion {fusion}",
        replace(recipe, config=replace(recipe.config, gru=gru, fusion=fusion)),
        printed,
    )


_ALL = (
    _guidance("table3-stacked", "Stacked", 27.01, 16.8, 15.72, 39.29, 16.44, 23.26, guidance="stacked"),
    _guidance("table3-embedded-c1", "Embedded, C_e = 1", 19.18, 13.0, 11.16, 33.6, 13.44, 19.18, embed=1),
    _guidance("table3-embedded-c2", "Embedded, C_e = 2", 21.74, 14.39, 12.69, 35.16, 14.51, 20.4, embed=2),
    _guidance("table3-embedded-c3", "Embedded, C_e = 3", 17.75, 12.52, 10.32, 33.06, 13.11, 17.3, embed=3),
    _guidance("table3-embedded-c5", "Embedded, C_e = 5", 24.79, 16.19, 14.58, 34.25, 15.66, 19.7, embed=5),
    _losses(31.77, 16.58, 18.27, 46.68, 15.68, 30.64, attention=False, edges=False),
    _losses(25.41, 14.53, 14.75, 46.3, 15.84, 29.26, attention=False, edges=True),
    _losses(17.56, 12.34, 10.22, 32.95, 13.29, 17.06, attention=True, edges=False),
    _losses(17.55, 12.34, 10.19, 32.03, 13.16, 17.43, attention=True, edges=True),
    _time("none", "none", 10.26, 16.57, 13.88, 23.67, 21.62, 30.5),
    _time("single", "none", 10.15, 16.42, 13.84, 23.66, 21.26, 29.95),
    _time("both", "none", 10.14, 16.41, 13.83, 23.66, 21.25, 29.92),
    _time("both", "forward", 11.32, 16.51, 15.33, 24.08, 24.97, 30.66),
    _time("both", "backward"),
    _time("both", "both", 10.12, 16.4, 13.85, 23.63, 21.23, 29.9),
    _guidance("mgm-stacked", "stacked, one plane per slot", table=None, guidance="stacked", queries="fixed"),
)
EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""By name, in the order of the tables."""


def train_command(experiment: Experiment) -> str:
    """The command that trains it, from data in folders of the published layouts."""
    command = f"maggie-node train runs/{experiment.name} --experiment {experiment.name}"
    if experiment.is_video:
        return f"{command} --data v-him2k5:V-HIM2K5 --from {IMAGE_WEIGHTS}"
    return f"{command} --data i-him50k:I-HIM50K"


def evaluate_command(experiment: Experiment) -> str:
    """The command that scores its weights on the table's test set."""
    dataset = "v-him60 V-HIM60" if experiment.is_video else "him2k HIM2K"
    return f"maggie-node evaluate {dataset} --model runs/{experiment.name}/best -o scores/{experiment.name}"


def experiment_tables() -> str:
    """All experiments as tables in Markdown, as `docs/experiments.md` has them."""
    return "\n\n".join(f"## {title}\n\n{_table(number)}" for number, title in TITLES.items())


def _table(number: int | None) -> str:
    rows = [experiment for experiment in _ALL if experiment.table == number]
    columns = VIDEO_COLUMNS if rows[0].is_video else IMAGE_COLUMNS
    lines = [f"| row | experiment | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for e in rows:
        printed = [f"{value:.2f}" for value in e.printed] or ["-"] * len(columns)
        lines.append(f"| {e.row} | `{e.name}` | {' | '.join(printed)} |")
    commands = "\n".join(f"{train_command(e)}\n{evaluate_command(e)}" for e in rows)
    return "\n".join(lines) + f"\n\n```\n{commands}\n```"
