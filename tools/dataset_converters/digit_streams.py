"""Write the embedded data set *digit streams*: a small benchmark for TAD.

Its cells are real 8x8 scans of handwritten digits, which scikit-learn ships.
An action is a run of different scans of the same digit; the background is
scans of random digits, so that a single cell cannot tell one from the other.
Cells are corrupted by noise, occlusion, a second digit mixed in, and missing
scans. Training and validation use different scans.

One cell is one frame of one second: ``fps``, ``feat_stride`` and
``feat_num_frames`` are 1. An action on the cells a, .., b - 1 is annotated as
the segment [a, b] in seconds.

    python tools/dataset_converters/digit_streams.py --out data/digit_streams

writes ``annotations.json`` and ``features/<id>.npy``, (T, 64) float16. The
same options give the same files.
"""
import argparse
import json
import math
import os
import shutil
import tempfile
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

from dyfadet_mm.fileio import load_json_strict, read_bytes

PIXEL_MEAN, PIXEL_STD = 4.88, 6.02  # of all scans, whose pixels are 0 .. 16
MAX_BACKGROUND_RUN = 2  # cells in a row that may show the same digit
GAPS = (8, 40)  # least and most background cells before an action
Action = Tuple[int, int, int]  # first cell, cell after the last, digit


class Settings(NamedTuple):
    """What a data set depends on.

    Attributes:
        train (int): Training streams.
        val (int): Validation streams.
        seed (int): Seed of all random numbers.
        min_cells (int): Least cells T of a stream.
        max_cells (int): Most cells of a stream.
        shortest (int): Least cells of an action.
        longest (int): Most cells of an action; lengths are log-uniform.
        noise (float): Standard deviation of the noise, where that of all
            pixels is 1.
        occlusion (float): Probability that a block of a scan is blank.
        missing (float): Probability that a cell is zero.
        mixing (float): Probability that another scan is mixed in.
    """
    train: int = 400
    val: int = 80
    seed: int = 0
    min_cells: int = 128
    max_cells: int = 256
    shortest: int = 4
    longest: int = 128
    noise: float = 0.7
    occlusion: float = 0.4
    missing: float = 0.1
    mixing: float = 0.3


def check_settings(settings: Settings) -> None:
    """Check the range of every setting.

    Args:
        settings (Settings): Settings.

    Raises:
        ValueError: If one is out of its range.
    """
    least = dict(train=0, val=0, seed=0, min_cells=1, shortest=1, noise=0)
    for name, bound in least.items():
        value = getattr(settings, name)
        if not value >= bound:
            raise ValueError(f'{name} must be at least {bound}, but got '
                             f'{value}')
    for name in ('occlusion', 'missing', 'mixing'):
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise ValueError(f'{name} must be in [0, 1], but got {value}')
    for low, high in (('min_cells', 'max_cells'), ('shortest', 'longest')):
        if getattr(settings, low) > getattr(settings, high):
            raise ValueError(
                f'{low} must be at most {high}, but got '
                f'{getattr(settings, low)} and {getattr(settings, high)}')


def load_scans() -> Tuple[np.ndarray, np.ndarray]:
    """Load the scanned digits.

    Returns:
        tuple[ndarray]: Normalised scans (1797, 8, 8) and digits (1797, ).

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('digit streams need scikit-learn; install it with '
                          '`pip install scikit-learn`') from error
    digits = load_digits()
    return (digits.images - PIXEL_MEAN) / PIXEL_STD, digits.target


def split_scans(labels: np.ndarray, seed: int) -> Dict[str, List[np.ndarray]]:
    """Give two of three scans of every digit to training, one to validation.

    Args:
        labels (ndarray): Digit of every scan, (S, ).
        seed (int): Seed of the division.

    Returns:
        dict[str, list[ndarray]]: ``training`` and ``validation``, each with
        the indices of the scans of every digit.
    """
    rng = np.random.RandomState(seed)
    pools: dict = dict(training=[], validation=[])
    for digit in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == digit))
        train = len(indices) * 2 // 3
        pools['training'].append(indices[:train])
        pools['validation'].append(indices[train:])
    return pools


def draw_actions(rng: np.random.RandomState,
                 settings: Settings) -> Tuple[int, List[Action]]:
    """Draw the length of a stream and its actions.

    Args:
        rng (RandomState): Source of random numbers.
        settings (Settings): Limits of the lengths.

    Returns:
        tuple: Number of cells T, and actions in order, none of which touch.
    """
    num_cells = rng.randint(settings.min_cells, settings.max_cells + 1)
    limits = math.log(settings.shortest), math.log(settings.longest)
    actions: List[Action] = []
    end = 0
    while True:
        start = end + rng.randint(GAPS[0], GAPS[1] + 1)
        end = start + int(round(math.exp(rng.uniform(*limits))))
        if end > num_cells:
            return num_cells, actions
        actions.append((start, end, rng.randint(10)))


def draw_digits(rng: np.random.RandomState, num_cells: int,
                actions: List[Action]) -> np.ndarray:
    """Choose the digit of every cell.

    Args:
        rng (RandomState): Source of random numbers.
        num_cells (int): T.
        actions (list[tuple]): Actions on these cells.

    Returns:
        ndarray: Digits (T, ). In the background at most two cells in a row
        are equal, and the cells next to an action differ from it.
    """
    digits = np.full(num_cells, -1)
    for start, end, digit in actions:
        digits[start:end] = digit
    for cell in np.flatnonzero(digits < 0):
        before = digits[max(cell - MAX_BACKGROUND_RUN, 0):cell]
        after = digits[cell + 1:cell + 2]  # -1 unless an action starts there
        banned = set(after)
        if len(set(before)) == 1 and len(before) == MAX_BACKGROUND_RUN:
            banned.add(before[-1])
        banned.update(digit for _, end, digit in actions if end == cell)
        choices = [digit for digit in range(10) if digit not in banned]
        digits[cell] = choices[rng.randint(len(choices))]
    return digits


def draw_scans(rng: np.random.RandomState, digits: np.ndarray,
               actions: List[Action], pool: List[np.ndarray]) -> np.ndarray:
    """Choose a scan for every cell.

    Args:
        rng (RandomState): Source of random numbers.
        digits (ndarray): Digit of every cell, (T, ).
        actions (list[tuple]): Actions on these cells.
        pool (list[ndarray]): Indices of the scans of every digit.

    Returns:
        ndarray: Indices of scans (T, ), different ones within an action until
        the pool of its digit is used up.
    """
    scans = np.array([pool[digit][rng.randint(len(pool[digit]))]
                      for digit in digits])  # yapf: disable
    for start, end, digit in actions:
        order = rng.permutation(pool[digit])
        scans[start:end] = np.resize(order, end - start)
    return scans


def corrupt(rng: np.random.RandomState, frames: np.ndarray, others: np.ndarray,
            settings: Settings) -> np.ndarray:
    """Corrupt the cells of a stream.

    Args:
        rng (RandomState): Source of random numbers.
        frames (ndarray): Normalised scans, (T, 8, 8).
        others (ndarray): Scans to mix in, (T, 8, 8).
        settings (Settings): Strengths.

    Returns:
        ndarray: Corrupted copy, (T, 8, 8).
    """
    num_cells = len(frames)
    weight = rng.uniform(0.3, 0.5, num_cells)
    weight *= rng.uniform(size=num_cells) < settings.mixing
    weight = weight[:, None, None]  # (T, 1, 1)
    frames = (1 - weight) * frames + weight * others
    blocks = rng.randint(3, 6, num_cells)  # pixels per side
    corners = rng.randint(0, 9 - blocks[:, None], (num_cells, 2))
    for cell in np.flatnonzero(
            rng.uniform(size=num_cells) < settings.occlusion):
        (y, x), side = corners[cell], blocks[cell]
        frames[cell, y:y + side, x:x + side] = -PIXEL_MEAN / PIXEL_STD
    frames = frames + settings.noise * rng.standard_normal(frames.shape)
    frames[rng.uniform(size=num_cells) < settings.missing] = 0
    return frames


def make_stream(rng: np.random.RandomState, scans: np.ndarray,
                pool: List[np.ndarray],
                settings: Settings) -> Tuple[np.ndarray, List[Action]]:
    """Make one stream.

    Args:
        rng (RandomState): Source of random numbers.
        scans (ndarray): Normalised scans, (S, 8, 8).
        pool (list[ndarray]): Indices of the scans that may be used, one array
            per digit.
        settings (Settings): Lengths and strengths.

    Returns:
        tuple: Features (T, 64) float16, and the actions.
    """
    num_cells, actions = draw_actions(rng, settings)
    digits = draw_digits(rng, num_cells, actions)
    chosen = draw_scans(rng, digits, actions, pool)
    everything = np.concatenate(pool)
    others = everything[rng.randint(len(everything), size=num_cells)]
    frames = corrupt(rng, scans[chosen], scans[others], settings)
    return frames.reshape(num_cells, 64).astype(np.float16), actions


def describe_stream(subset: str, num_cells: int,
                    actions: List[Action]) -> dict:
    """Entry of one stream in the annotation file.

    Args:
        subset (str): ``'training'`` or ``'validation'``.
        num_cells (int): T.
        actions (list[tuple]): Actions of the stream.

    Returns:
        dict: Entry in the layout of ActivityNet, times in seconds.
    """
    annotations = [
        dict(
            segment=[float(start), float(end)],
            label=f'digit {digit}',
            label_id=int(digit)) for start, end, digit in actions
    ]
    return dict(
        subset=subset,
        duration=float(num_cells),
        fps=1.0,
        annotations=annotations)


def write_streams(folder: str, settings: Settings) -> None:
    """Write all streams into an empty folder.

    Args:
        folder (str): Folder that exists.
        settings (Settings): Numbers, lengths and strengths.
    """
    scans, labels = load_scans()
    pools = split_scans(labels, settings.seed)
    os.mkdir(os.path.join(folder, 'features'))
    database = {}
    for code, (subset, prefix, number) in enumerate(
        (('training', 'train', settings.train), ('validation', 'val',
                                                 settings.val))):
        for index in range(number):
            rng = np.random.RandomState([settings.seed, code, index])
            feats, actions = make_stream(rng, scans, pools[subset], settings)
            name = f'{prefix}_{index:04d}'
            np.save(os.path.join(folder, 'features', f'{name}.npy'), feats)
            database[name] = describe_stream(subset, len(feats), actions)
    with open(os.path.join(folder, 'annotations.json'), 'w') as file:
        json.dump(
            dict(
                version='digit-streams-1',
                settings=settings._asdict(),
                database=database), file)


def is_complete(out: str, settings: Settings) -> bool:
    """Whether a folder already holds exactly this data set.

    Args:
        out (str): Folder.
        settings (Settings): Settings asked for.

    Returns:
        bool: True if it does, False if there is no such folder or it is
        empty.

    Raises:
        FileExistsError: If the folder holds anything else.
    """
    if not os.path.lexists(out) or (os.path.isdir(out)
                                    and not os.listdir(out)):
        return False
    remedy = 'choose another --out, or move that folder away'
    try:
        content = load_json_strict(
            read_bytes(os.path.join(out, 'annotations.json'), 'file', remedy),
            'annotations')
        found, names = content['settings'], content['database']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileExistsError(
            f'{out!r} must be new, empty or a digit-stream '
            f'data set, but got other files; {remedy}') from error
    if found != settings._asdict():
        raise FileExistsError(f'{out!r} must hold digit streams made with '
                              f'{settings._asdict()}, but got {found}; '
                              f'{remedy}')
    missing = [
        name for name in names
        if not os.path.isfile(os.path.join(out, 'features', f'{name}.npy'))
    ]
    if missing:
        raise FileExistsError(f'{out!r} must hold all digit streams, but lost '
                              f'{len(missing)} of {len(names)}, such as '
                              f'{missing[0]!r}; {remedy}')
    return True


def make_data_set(out: str, settings: Settings) -> bool:
    """Write the data set, completely or not at all.

    Args:
        out (str): Folder to make.
        settings (Settings): Numbers, lengths and strengths.

    Returns:
        bool: False if it was there already.

    Raises:
        FileExistsError: If ``out`` holds anything else.
        ImportError: If scikit-learn is not installed.
        ValueError: If a setting is out of its range.
    """
    check_settings(settings)
    if is_complete(out, settings):
        return False
    parent = os.path.dirname(os.path.abspath(out))
    os.makedirs(parent, exist_ok=True)
    partial = tempfile.mkdtemp(prefix='.digit_streams_', dir=parent)
    try:
        write_streams(partial, settings)
        os.chmod(partial, 0o755)
        os.replace(partial, out)
    except OSError:  # fails if another process has filled it meanwhile
        if not is_complete(out, settings):
            raise
        return False
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def parse_args() -> argparse.Namespace:
    """Read the command line.

    Returns:
        Namespace: ``out``, and one value per setting.
    """
    parser = argparse.ArgumentParser(
        description='Write the embedded data set of digit streams')
    parser.add_argument('--out', default='data/digit_streams')
    for name, default in Settings()._asdict().items():
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=type(default),
            default=default,
            help=f'default: {default}')
    return parser.parse_args()


def main() -> None:
    """Write the data set that the command line asks for."""
    args = vars(parse_args())
    out = args.pop('out')
    made = make_data_set(out, Settings(**args))
    print(f"digit streams {'written to' if made else 'are complete in'} {out}")


if __name__ == '__main__':
    main()
