"""Parameters, operations and latency of the models that are compared."""
import json
import time
from pathlib import Path
from statistics import median
from typing import ContextManager, Dict, List, NamedTuple, Tuple

import numpy as np
import torch
from compare_runs import write_json
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dyfadet_mm.registry import DATASETS, MODELS

NUM_RUNS = 9  # of every model, to take the median of
NUM_WARM_UPS = 3


class Cost(NamedTuple):
    """What a model takes for one video.

    Attributes:
        parameters (int): Stored and trained numbers.
        flop (int): Operations of convolutions and matrix products, a
            multiplication and an addition counting as two.
        latency (float): Seconds from features, or frames, to detections.
        cells (int): Length of the video.
    """
    parameters: int
    flop: int
    latency: float
    cells: int


Runs = Dict[str, Tuple[Config, Path]]  # config and checkpoint by label
Measured = Tuple[Dict[str, Cost], List[str]]  # by label, and failures


def build_model(cfg: Config) -> nn.Module:
    """Build the detector of a config in the scope of that config."""
    with default_scope(cfg):
        return MODELS.build(cfg.model)


def build_dataset(cfg: Config, loader: str) -> torch.utils.data.Dataset:
    """Build the data set of a loader in the scope of its config."""
    with default_scope(cfg):
        return DATASETS.build(cfg[loader].dataset)


def default_scope(cfg: Config) -> ContextManager:
    """Context in which types without a scope are those of the config."""
    return DefaultScope.overwrite_default_scope(
        cfg.get('default_scope', 'dyfadet_mm'))


def median_video(cfg: Config) -> Tuple[dict, int]:
    """The test video of median length.

    Args:
        cfg (Config): Of a run.

    Returns:
        tuple[dict, int]: A batch of this video, and its number of cells.
    """
    dataset = build_dataset(cfg, 'test_dataloader')
    lengths = [dataset[i]['inputs'].shape[1] for i in range(len(dataset))]
    index = int(np.argsort(lengths, kind='stable')[len(lengths) // 2])
    return pseudo_collate([dataset[index]]), lengths[index]


class Subject:
    """A trained model and the video it is measured on.

    Args:
        cfg (Config): Of the run.
        checkpoint (Path): Weights of the run.
        batch (dict): The video, see :func:`median_video`.
        cells (int): Its length.
    """

    def __init__(self, cfg: Config, checkpoint: Path, batch: dict,
                 cells: int) -> None:
        cfg = Config(cfg.to_dict())
        cfg.model.pop('score_fusion', None)  # it reads scores of all videos
        model = build_model(cfg)
        load_checkpoint(
            model, str(checkpoint), 'cpu', strict=True, logger='silent')
        self.model = model.to(get_device()).eval()
        self.batch, self.cells = batch, cells
        self.seconds: List[float] = []
        for _ in range(NUM_WARM_UPS):
            self.detect()

    def detect(self) -> None:
        """Detect the actions of the video."""
        self.model.test_step(self.batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def time(self) -> None:
        """Detect once more and take the time."""
        start = time.perf_counter()
        self.detect()
        self.seconds.append(time.perf_counter() - start)

    def cost(self) -> Cost:
        """Sum up what was measured."""
        with FlopCounterMode(display=False) as counter:
            self.detect()
        return Cost(
            sum(each.numel() for each in self.model.parameters()),
            counter.get_total_flops(), median(self.seconds), self.cells)


def measure_once(subjects: Runs, path: Path) -> Measured:
    """Measure models, unless the file says that this was done for just these.

    Args:
        subjects (dict[str, tuple]): Config and checkpoint by label.
        path (Path): JSON for the results.

    Returns:
        tuple: As of :func:`measure`.
    """
    written = {
        label: checkpoint.stat().st_mtime_ns
        for label, (_, checkpoint) in subjects.items()
    }
    if path.exists():
        kept = json.loads(path.read_text())
        if kept.get('written') == written:
            return {n: Cost(**cost) for n, cost in kept['costs'].items()}, []
    costs, failures = measure(subjects)
    if not failures:
        plain = {label: cost._asdict() for label, cost in costs.items()}
        write_json(path, dict(written=written, costs=plain))
    return costs, failures


@torch.no_grad()
def measure(runs: Runs) -> Measured:
    """Measure models in turns, so that a drift of the machine hits all.

    Args:
        runs (dict[str, tuple]): Config and checkpoint by label.

    Returns:
        tuple[dict, list[str]]: :class:`Cost` by label, and why models could
        not be measured.
    """
    subjects, failures = {}, []
    videos: Dict[str, Tuple[dict, int]] = {}  # by the config of their data
    for label, (cfg, checkpoint) in runs.items():
        try:
            data = repr(cfg.test_dataloader.dataset)
            if data not in videos:
                videos[data] = median_video(cfg)
            subjects[label] = Subject(cfg, checkpoint, *videos[data])
        except Exception as error:  # the others have their results, too
            failures.append(f'{label}, latency: {type(error).__name__}: '
                            f'{error}')
    for _ in range(NUM_RUNS):
        for subject in subjects.values():
            subject.time()
    costs = {label: subject.cost() for label, subject in subjects.items()}
    return costs, failures
