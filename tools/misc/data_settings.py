"""Settings of a training, each with its reason, from the numbers of its data.

The rules are plain, and stand here only. They give a good start, not the best.
"""
import math
from typing import Any, Dict, NamedTuple, Sequence

import numpy as np

FINEST = 3  # cells to the farther end of an action, at most, on level 0
LEAST_CELLS = 4  # of the coarsest level that the median video has
FARTHEST = 10000  # cells on the coarsest level: any
MOST_EPOCHS, LEAST_EPOCHS = 60, 10
MOST_BATCH = 16
# feature channels below which there are few to hide
MANY_CHANNELS = 256
# cells x channels of a batch; a training step of so many takes about 8 GB
MOST_VALUES = 8 * 2304 * 512


class Setting(NamedTuple):
    """A value of a config.

    Attributes:
        value (Any): As it is written.
        reason (str): Why it is that, in numbers.
    """
    value: Any
    reason: str


class Data(NamedTuple):
    """What the settings depend on, of the training videos with features.

    Attributes:
        channels (int): Of the features.
        lengths (ndarray): Cells of every video, (V, ), V at least 1.
        actions (ndarray): Cells that every action lasts, (N, ), N at least 1.
        most (int): Most actions in one video.
        overlap (float): Share of the actions that overlap another one of
            their class.
    """
    channels: int
    lengths: np.ndarray
    actions: np.ndarray
    most: int
    overlap: float


class Size(NamedTuple):
    """A row of the table below.

    Attributes:
        actions (float): The row holds for so many training actions, or less.
        width (int): Channels.
        iterations (int): Iterations to aim at.
    """
    actions: float
    width: int
    iterations: int


SIZES = (
    Size(2000, 128, 1500),
    Size(5000, 256, 2500),
    Size(math.inf, 512, 4000),
)


def choose_settings(data: Data, stem: Sequence[int]) -> Dict[str, Setting]:
    """Choose the model and the schedule.

    Args:
        data (Data): What is known of the training data.
        stem (Sequence[int]): Layers of embedding and stem, the start of the
            encoder's ``arch``.

    Returns:
        dict: Setting by key of the config, dotted as on a command line.
    """
    count = len(data.actions)
    size = next(row for row in SIZES if count <= row.actions)
    branch = choose_branch(data)
    divisor = 2**branch.value
    max_seq_len = choose_max_seq_len(data, size.width, divisor)
    return {
        'width':
        Setting(size.width, f'channels; {count} training actions are at most '
                f'{size.actions:g}'),
        'channel_dropout':
        choose_dropout(data.channels),
        'max_seq_len': max_seq_len,
        'regression_ranges': choose_ranges(data, branch.value),
        **choose_schedule(len(data.lengths), size, max_seq_len.value),
        **choose_detections(data),
        'model.backbone.arch':
        Setting((*stem, branch.value), branch.reason),
        'model.backbone.mlp_channels':
        Setting(2 * size.width, f'2 x {size.width} channels'),
        'model.data_preprocessor.size_divisor':
        Setting(divisor, f'2 ** {branch.value}, for the coarsest level'),
    }  # yapf: disable


def choose_dropout(channels: int) -> Setting:
    """Share of the feature channels that training hides."""
    if channels < MANY_CHANNELS:
        return Setting(
            0.25, f'of {channels} channels; 0.5 from '
            f'{MANY_CHANNELS} on')
    return Setting(0.5, f'of {channels} channels; 0.25 below {MANY_CHANNELS}')


def choose_branch(data: Data) -> Setting:
    """Levels above the finest, so that long actions find theirs."""
    longest = np.percentile(data.actions, 99)
    median = float(np.median(data.lengths))
    needed = math.ceil(math.log2(max(longest / 2 / FINEST, 1)))
    allowed = math.floor(math.log2(max(median / LEAST_CELLS, 1)))
    count = max(1, min(needed, allowed))
    reason = (f'{count + 1} levels; 99 % of the actions last up to '
              f'{longest:.3g} cells')
    if needed > allowed:
        reason += (
            f', but {LEAST_CELLS} cells of the coarsest level have to fit '
            f'into the median video of {median:g} cells')
    return Setting(count, reason)


def choose_ranges(data: Data, num_branch: int) -> Setting:
    """Cells to the farther end of an action, for every level."""
    edges = [FINEST * 2**level for level in range(num_branch)]
    last = max(FARTHEST, math.ceil(data.actions.max()))
    shortest, median, longest = np.percentile(data.actions, (0, 50, 100))
    return Setting(
        list(zip([0, *edges], [*edges, last])),
        f'cells to the farther end; actions last {shortest:.3g} to '
        f'{longest:.3g}, median {median:.3g}')


def choose_max_seq_len(data: Data, width: int, divisor: int) -> Setting:
    """Cells of a sample: all of nearly every video, if memory allows."""
    cells, usual = data.lengths.max(), np.percentile(data.lengths, 95)
    reason = f'longest of {len(data.lengths)} training videos: {cells} cells'
    if cells > 1.5 * usual:
        cells = usual
        reason = f'95 % of the training videos: {usual:.5g} cells; {reason}'
    most = MOST_VALUES // (2 * width)
    if cells > most:
        cells = most
        reason = f'memory for 2 samples of {width} channels; {reason}'
    return Setting(math.ceil(cells / divisor) * divisor, reason)


def choose_schedule(num_videos: int, size: Size,
                    max_seq_len: int) -> Dict[str, Setting]:
    """Batch size, epochs and learning rate."""
    fitting = MOST_VALUES // (size.width * max_seq_len)
    wanted = max(num_videos * MOST_EPOCHS // size.iterations, 2)
    batch = max(min(wanted, MOST_BATCH, num_videos // 10, fitting), 1)
    length = num_videos // batch
    epochs = int(
        np.clip(5 * round(size.iterations / length / 5), LEAST_EPOCHS,
                MOST_EPOCHS))
    total = epochs * length
    return dict(
        batch_size=Setting(
            batch, f'{length} iterations per epoch of {num_videos} videos'),
        max_epochs=Setting(
            epochs, f'{total} iterations; for {size.width} channels the aim '
            f'is {size.iterations}'),
        warmup_epochs=Setting(round(0.15 * epochs), f'15 % of {epochs}'),
        lr=choose_lr(size.width, total, batch))


def choose_lr(width: int, iterations: int, batch: int) -> Setting:
    """Learning rate between those of a small and of the published training.

    It grows with the root of the batch size. Divided by that, it is 1e-3 for
    128 channels or fewer and 1500 iterations, and that of THUMOS14, 1e-4 for
    batches of 2, for 512 and 4000. Between them logarithms are interpolated,
    where width and iterations count half each.

    Args:
        width (int): Channels.
        iterations (int): Of the whole training.
        batch (int): Videos of an iteration.

    Reference:
        Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient
        Algorithms, NeurIPS 2022.
    """
    by_width = math.log(width / 128, 512 / 128)
    by_iterations = math.log(iterations / 1500, 4000 / 1500)
    share = float(np.clip((by_width, by_iterations), 0, 1).mean())
    small, published = 1e-3, 1e-4 / math.sqrt(2)
    rate = small**(1 - share) * published**share
    return Setting(
        float(f'{rate * math.sqrt(batch):.2g}'),
        f'{rate:.2g} ({width} channels, {iterations} iterations) x root of '
        f'batch size {batch}')


def choose_detections(data: Data) -> Dict[str, Setting]:
    """What the post-processing keeps."""
    max_num = int(np.clip(100 * math.ceil(data.most / 5), 200, 8000))
    return dict(
        nms_sigma=Setting(
            round(0.5 + 0.4 * data.overlap, 2),
            f'{data.overlap:.1%} of actions overlap another of their class'),
        max_num=Setting(
            max_num, f'detections; the fullest video has {data.most} actions'),
        score_thr=Setting(0.001, 'as published: mAP counts weak ones as well'))
