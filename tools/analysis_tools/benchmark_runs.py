"""What ``benchmark.py`` runs: both variants of a model, timed and counted."""
import argparse
import copy
import importlib.util
import random
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from statistics import mean, median
from types import ModuleType
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Sequence

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dyfadet_mm.registry import MODELS

HALF = dict(bfloat16=torch.bfloat16, float16=torch.float16)
WARM_UPS = dict(cpu=1, cuda=3)  # runs that fill caches and compile
NUM_ACTIONS = 8  # of every random video
PLAIN = Path(__file__).resolve().parents[2] / 'tests/plain/__init__.py'
Seconds = Dict[str, float]  # by part of a run


class Variant(NamedTuple):
    """One way to compute a model.

    Attributes:
        name (str): ``'fast'`` or ``'plain'``.
        model (nn.Module): The detector, on its device.
        extract_feat (Callable): Inputs and cells to the pyramid.
        head (Callable): The pyramid to class logits and offsets.
        dtype (str): Of the matrix products.
        optim_wrapper (OptimWrapper, optional): For training.
    """
    name: str
    model: nn.Module
    extract_feat: Callable
    head: Callable
    dtype: str
    optim_wrapper: Optional[OptimWrapper]

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.model.parameters()).device

    def work(self, length: int) -> int:
        """A number that is the same for videos of the same work."""
        padded = self.model.data_preprocessor.padded_len(length)
        return padded if self.name == 'plain' else length


def load_plain() -> ModuleType:
    """The reference of the package's tests.

    Raises:
        FileNotFoundError: If there are no tests, as in an installed wheel.
    """
    if not PLAIN.exists():
        raise FileNotFoundError(
            f'--plain must find the reference of the tests at {PLAIN}, but '
            'got no such file; use a checkout, or --no-plain')
    if 'plain' not in sys.modules:
        spec = importlib.util.spec_from_file_location('plain', PLAIN)
        sys.modules['plain'] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules['plain'])
    return sys.modules['plain']


def build(name: str, cfg: Config, args: argparse.Namespace) -> Variant:
    """Build a variant; all have the same weights.

    Args:
        name (str): ``'fast'`` or ``'plain'``.
        cfg (Config): As of :func:`load_config`.
        args (Namespace): Likewise.

    Returns:
        Variant: In training mode with --train.
    """
    torch.manual_seed(0)
    model_cfg = cfg.model
    if name == 'plain':
        model_cfg = with_padding_counted(model_cfg)
    model = MODELS.build(model_cfg)
    model.init_weights()
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, 'cpu', strict=True)
    else:
        # zero at the start, which hides the scale paths from the outputs
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith('.gamma'):
                nn.init.constant_(parameter, 0.5)
    model.to(args.device).train(args.train)
    optim_wrapper = None
    if args.train:
        optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    if name == 'plain':
        plain = load_plain()
        return Variant(name, model, partial(plain.plain_extract_feat, model),
                       partial(plain.plain_head, model.head), 'float32',
                       optim_wrapper)
    if args.compile:
        for part in (model.backbone, model.neck, model.head):
            if part is not None:
                part.compile(mode=args.compile)
    return Variant(name, model, model.extract_feat, model.head, args.dtype,
                   optim_wrapper)


def with_padding_counted(model_cfg: ConfigDict) -> ConfigDict:
    """The config of a model, padded to max_seq_len, with what that does."""
    model_cfg = copy.deepcopy(model_cfg)
    data_preprocessor = model_cfg.data_preprocessor
    data_preprocessor.pad_to = 'max_seq_len'
    if data_preprocessor.get('padding') == 'ignored':
        data_preprocessor.padding = 'published'
    return model_cfg


def draw_batch(model: nn.Module, num_videos: int, length: int) -> dict:
    """Draw features and actions.

    Args:
        model (nn.Module): The detector.
        num_videos (int): B, videos in the batch.
        length (int): Cells of each video.

    Returns:
        dict: ``inputs`` and ``data_samples``, as from a data loader.
    """
    samples = []
    for video in range(num_videos):
        sample = ActionDataSample(
            metainfo=dict(
                video_id=str(video),
                duration=float(length),
                fps=1.,
                feat_stride=1,
                feat_num_frames=1))
        sample.gt_instances = InstanceData(
            grid_segments=torch.rand(NUM_ACTIONS, 2).sort(1).values * length,
            labels=torch.randint(model.head.num_classes, (NUM_ACTIONS, )))
        samples.append(sample)
    feats = torch.randn(num_videos, model.backbone.in_channels, length)
    return dict(inputs=list(feats), data_samples=samples)


class Stopwatch:
    """Seconds of the parts of a run, with the device waited for.

    Args:
        device (torch.device): Where the run computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: Seconds = {}
        self.last = self._now()

    def lap(self, part: str) -> None:
        """End a part."""
        now = self._now()
        self.seconds[part] = now - self.last
        self.last = now

    def _now(self) -> float:
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter()


@contextmanager
def precision(device: torch.device, dtype: str) -> Iterator[None]:
    """Compute in a dtype; float32 is never TF32 here."""
    torch.backends.cuda.matmul.allow_tf32 = dtype == 'tf32'
    torch.backends.cudnn.allow_tf32 = dtype == 'tf32'
    with torch.autocast(device.type, HALF.get(dtype), enabled=dtype in HALF):
        yield


@torch.no_grad()
def detect(variant: Variant, batch: dict) -> Seconds:
    """Run inference once.

    Args:
        variant (Variant): In evaluation mode.
        batch (dict): As of :func:`draw_batch`.

    Returns:
        dict[str, float]: Seconds of the parts; ``forward`` is encoder and
        heads together, ``whole`` is all.
    """
    model = variant.model
    watch = Stopwatch(variant.device)
    data = model.data_preprocessor(batch)
    cells = model.cells_of(data['inputs'], data['data_samples'])
    watch.lap('preprocessing')
    with precision(variant.device, variant.dtype):
        pyramid = variant.extract_feat(data['inputs'], cells)
        watch.lap('encoder')
        outputs = variant.head(pyramid)
        watch.lap('heads')
    videos = model.head.decode_by_feat(*outputs, pyramid.masks)
    for sample, levels in zip(data['data_samples'], videos):
        model.postprocessor(levels, sample.metainfo)
    watch.lap('decode + NMS')
    parts = watch.seconds
    forward = parts['encoder'] + parts['heads']
    return dict(parts, forward=forward, whole=sum(parts.values()))


def train_step(variant: Variant, batch: dict) -> Seconds:
    """Train for one iteration, clipping and optimizer included.

    Args:
        variant (Variant): In training mode.
        batch (dict): As of :func:`draw_batch`.

    Returns:
        dict[str, float]: Seconds of the parts; ``forward`` includes the
        losses, ``whole`` is all.
    """
    model = variant.model
    watch = Stopwatch(variant.device)
    data = model.data_preprocessor(batch, training=True)
    samples = data['data_samples']
    cells = model.cells_of(data['inputs'], samples)
    watch.lap('preprocessing')
    with precision(variant.device, variant.dtype):
        pyramid = variant.extract_feat(data['inputs'], cells)
        losses = model.head.loss_by_feat(
            *variant.head(pyramid), pyramid.masks,
            [sample.gt_instances for sample in samples])
    loss, _ = model.parse_losses(losses)
    watch.lap('forward')
    variant.optim_wrapper.update_params(loss)
    watch.lap('backward + update')
    return dict(watch.seconds, whole=sum(watch.seconds.values()))


def measure_seconds(variants: Sequence[Variant],
                    args: argparse.Namespace) -> Dict[str, Seconds]:
    """Time the variants in turns.

    A single length is run ``repeats`` times, each of several once. The
    published computation is the same for all videos padded to the same
    length, so these share the median of at most ``repeats`` runs.

    Args:
        variants (Sequence[Variant]): What to time.
        args (Namespace): As of :func:`load_config`.

    Returns:
        dict[str, dict]: Seconds of the parts of each variant, the mean over
        the lengths.
    """
    run = train_step if args.train else detect
    plan = random.Random(0).sample(args.lengths, len(args.lengths))
    for variant in variants:
        batch = draw_batch(variant.model, args.batch_size, plan[0])
        for _ in range(WARM_UPS[args.device]):
            run(variant, batch)
    if len(plan) == 1:
        plan = plan * args.repeats
    runs = {variant.name: defaultdict(list) for variant in variants}
    for length in plan:
        batch = draw_batch(variants[0].model, args.batch_size, length)
        for variant in variants:
            alike = runs[variant.name][variant.work(length)]
            if len(alike) < args.repeats:
                alike.append(run(variant, batch))
    return {
        variant.name:
        combine([
            combine(runs[variant.name][variant.work(length)], median)
            for length in plan
        ], mean)
        for variant in variants
    }


def combine(runs: Sequence[Seconds], how: Callable) -> Seconds:
    """Combine the seconds of several runs, part by part."""
    return {part: how([run[part] for run in runs]) for part in runs[0]}


def count_flop(variant: Variant, args: argparse.Namespace) -> int:
    """Operations of the convolutions and matrix products of a run."""
    batch = draw_batch(variant.model, args.batch_size, args.lengths[0])
    with FlopCounterMode(display=False) as counter:
        (train_step if args.train else detect)(variant, batch)
    return counter.get_total_flops()


@lru_cache()
def matrix_rate(device: torch.device, dtype: str) -> float:
    """Best rate of a large matrix product on this machine, FLOP/s."""
    size = 8192 if device.type == 'cuda' else 2048
    matrix = torch.randn(size, size, device=device)
    matrix = matrix.to(HALF.get(dtype, torch.float32))
    seconds = []
    with precision(device, dtype):
        for _ in range(8):
            watch = Stopwatch(device)
            matrix @ matrix
            watch.lap('product')
            seconds.append(watch.seconds['product'])
    return 2 * size**3 / min(seconds)


@torch.no_grad()
def largest_difference(variants: Sequence[Variant],
                       args: argparse.Namespace) -> float:
    """Largest difference of the raw outputs at the valid cells.

    Args:
        variants (Sequence[Variant]): Two, in evaluation mode.
        args (Namespace): Of the command line.

    Returns:
        float: Of class logits, and of offsets in strides.
    """
    batch = draw_batch(variants[0].model, 1, args.lengths[0])
    outputs = []
    for variant in variants:
        data = variant.model.data_preprocessor(batch)
        cells = variant.model.cells_of(data['inputs'], data['data_samples'])
        with precision(variant.device, variant.dtype):
            pyramid = variant.extract_feat(data['inputs'], cells)
            branches = variant.head(pyramid)
        outputs.append([
            x[..., mask[0, 0]] for levels in branches
            for x, mask in zip(levels, pyramid.masks)
        ])
    return max(
        (a - b).abs().max().item() for a, b in zip(*outputs) if a.numel())


def used_memory(device: str) -> int:
    """Most bytes that this process has used so far."""
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    import resource  # on Unix alone
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else 1024 * peak


def memory_growth(variant: Variant, args: argparse.Namespace) -> int:
    """Bytes that the first runs of this process take at most.

    The second run has all that stays: cached weights, optimizer states.
    """
    run = train_step if args.train else detect
    batch = draw_batch(variant.model, args.batch_size, max(args.lengths))
    before = used_memory(args.device)
    for _ in range(2):
        run(variant, batch)
    return used_memory(args.device) - before
