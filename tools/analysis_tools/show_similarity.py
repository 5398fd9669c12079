"""Draw how alike the features of an encoder are, as in Figure 5 of the paper.

    python tools/analysis_tools/show_similarity.py MODEL ... --out figure.png
    mim run dyfadet_mm show_similarity MODEL ... --out figure.png

MODEL is dyfadet://NAME, a checkpoint of this package, or a config whose
checkpoint is given by --weights. Every model reads the data set of its own
config. See docs/figures.md.
"""
import argparse
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from error_inputs import name_models
from error_tables import Table
from inspected_videos import (add_video_options, cell_borders, check_outputs,
                              ground_truth, read_videos, write_outputs)
from torch import nn

from dyfadet_mm.apis import encode_video, init_detector
from dyfadet_mm.evaluation import cosine_similarity, mean_similarity
from dyfadet_mm.fileio import user_errors
from dyfadet_mm.visualization import draw_similarity

MEANS = ('mean', 'inside', 'across')
# cells of a matrix that a picture can show
MOST_CELLS = 512


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('models', nargs='+', metavar='MODEL')
    parser.add_argument(
        '--weights',
        nargs='+',
        metavar='CHECKPOINT',
        help='of the models, if they name none, one for each')
    parser.add_argument(
        '--names', nargs='+', help='of the models, in the picture')
    parser.add_argument(
        '--level',
        type=int,
        help='of the matrix, 0 is the finest (default: the finest with at '
        f'most {MOST_CELLS} cells)')
    add_video_options(parser)
    return parser.parse_args(args)


def measure(model: nn.Module, args: argparse.Namespace) -> Dict[str, Any]:
    """Similarities of one model.

    Args:
        model (nn.Module): Of :func:`init_detector`.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: ``mean``, ``inside`` and ``across`` of the features and of every
        level, means over the videos, ``num_videos``, and of the video that is
        drawn ``video``, ``level``, ``segments``, ``edges`` and ``matrix``.
    """
    rows, shown = [], {}
    for video_id, data in read_videos(model, args):
        levels = encode_video(model, data)
        segments, _ = ground_truth(data)
        # the features have the grid of level 0
        steps = [1, *(2**level for level in range(len(levels) - 1))]
        rows.append([[
            mean_similarity(feats, _centres(data, len(feats), step),
                            segments)[key]
            for feats, step in zip(levels, steps)
        ] for key in MEANS])
        if args.video in (None, video_id) and not shown:
            level = _choose_level(levels[1:], args.level)
            feats = levels[1 + level]
            shown = dict(
                video=video_id,
                level=level,
                segments=segments,
                edges=cell_borders(data, len(feats), 2**level),
                # as exact as a picture needs, which keeps the file small
                matrix=cosine_similarity(feats).round(4))
    means = _means(np.array(rows))  # (3, L + 1)
    return dict(zip(MEANS, means), num_videos=len(rows), **shown)


def _choose_level(levels: Sequence[np.ndarray], level: Optional[int]) -> int:
    """The level of the matrix."""
    if level is None:
        fit = [i for i, x in enumerate(levels) if len(x) <= MOST_CELLS]
        return fit[0] if fit else len(levels) - 1
    if not 0 <= level < len(levels):
        raise ValueError(f'--level must be in 0 .. {len(levels) - 1}, but got '
                         f'{level}')
    return level


def _centres(data: dict, num_cells: int, step: int) -> np.ndarray:
    """Centres of cells in seconds."""
    borders = cell_borders(data, num_cells, step)
    return (borders[1:] + borders[:-1]) / 2


def _means(values: np.ndarray) -> np.ndarray:
    """Means over the first axis of what is no NaN, NaN of nothing."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(0)
    return np.where(known.any(0), total / known.sum(0).clip(1), np.nan)


def level_names(models: Sequence[Dict[str, Any]]) -> List[str]:
    """The features, and the levels of the model that has most."""
    most = max(len(each['mean']) for each in models)
    return ['input', *map(str, range(most - 1))]


def show(args: argparse.Namespace) -> None:
    """Measure, draw and write.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    check_outputs(args)
    for name in ('weights', 'names'):
        given = getattr(args, name)
        if given is not None and len(given) != len(args.models):
            raise ValueError(f'--{name} must be {len(args.models)}, one for '
                             f'each MODEL, but got {len(given)}')
    weights = args.weights or [None] * len(args.models)
    sources = [w or m for m, w in zip(args.models, weights)]
    names = args.names or name_models(sources, 'models without --names')
    detectors = [
        init_detector(config, checkpoint, args.device, args.cfg_options)
        for config, checkpoint in zip(args.models, weights)
    ]
    models = [
        dict(measure(detector, args), name=name)
        for name, detector in zip(names, detectors)
    ]
    levels = level_names(models)
    table = Table(
        'Similarity', ['model', 'level', *MEANS, 'videos'],
        [[
            each['name'], level, *(each[key][i]
                                   for key in MEANS), each['num_videos']
        ] for each in models
         for i, level in enumerate(levels[:len(each['mean'])])])
    write_outputs(args, draw_similarity(models, levels), table,
                  dict(levels=levels, models=models))


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        show(args)


if __name__ == '__main__':
    main()
