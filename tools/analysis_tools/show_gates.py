"""Draw how far gates are open, as in Figures 6 and 8 of the paper.

    python tools/analysis_tools/show_gates.py MODEL --out gates.png
    mim run dyfadet_mm show_gates MODEL --out gates.png

MODEL is dyfadet://NAME, a checkpoint of this package, or a config whose
checkpoint is given by --weights. Above are the gates of one layer and level
over a video, below rate and strength over all videos and layers. See
docs/figures.md.
"""
import argparse
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from error_tables import Table
from inspected_videos import (add_video_options, cell_borders, check_outputs,
                              ground_truth, read_videos, write_outputs)
from torch import nn

from dyfadet_mm.apis import init_detector, record_gates
from dyfadet_mm.evaluation import count_gates, gate_activity, gate_rows
from dyfadet_mm.fileio import user_errors
from dyfadet_mm.visualization import draw_gates

COLUMNS = ('layer', 'path', 'level', 'rate', 'strength', 'gates')
ALL = 'all layers'


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('model', metavar='MODEL')
    parser.add_argument(
        '--weights',
        metavar='CHECKPOINT',
        help='of the model, if it names none')
    parser.add_argument(
        '--layer',
        help='the one shown over time, such as head.cls_tower.layers.0 '
        '(default: the first with the level)')
    parser.add_argument(
        '--level',
        type=int,
        default=1,
        help='that receives what is shown over time, 0 is the finest '
        '(default: %(default)s)')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='lowest score of a detection drawn (default: %(default)s)')
    add_video_options(parser)
    return parser.parse_args(args)


def measure(model: nn.Module, args: argparse.Namespace) -> Dict[str, Any]:
    """Gates of a model.

    Args:
        model (nn.Module): Of :func:`init_detector`.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: ``num_videos``; ``counts``, by place; ``video``, as of
        :func:`draw_gates`, with ``layer``, and ``paths``, of the one drawn.
    """
    counts: Dict[tuple, np.ndarray] = {}
    shown: Dict[str, Any] = {}
    num_videos = 0
    for video_id, data in read_videos(model, args):
        gates = record_gates(model, data)
        for place, each in gates.items():
            counts[place] = counts.get(place, 0) + count_gates(each.values)
        num_videos += 1
        if args.video in (None, video_id) and not shown:
            layer = choose_layer(gates, args)
            shown = dict(
                layer=layer,
                video=_detect(model, data),
                paths={
                    place.path:
                    dict(
                        gate_rows(each.values),
                        edges=cell_borders(data, each.values.shape[2],
                                           each.step))
                    for place, each in gates.items()
                    if (place.layer, place.level) == (layer, args.level)
                })
    return dict(shown, num_videos=num_videos, counts=counts)


def choose_layer(gates: Dict[tuple, Any], args: argparse.Namespace) -> str:
    """The layer whose gates are shown over time.

    Args:
        gates (dict): By place, as of :func:`record_gates`.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        str: Its name.

    Raises:
        ValueError: If there is no such layer, or it has not the level.
    """
    levels: Dict[str, set] = {}
    for place in gates:
        levels.setdefault(place.layer, set()).add(place.level)
    if args.layer is not None and args.layer not in levels:
        raise ValueError(f'--layer must be one of {list(levels)}, but got '
                         f'{args.layer!r}')
    layers = list(levels) if args.layer is None else [args.layer]
    for layer in layers:
        if args.level in levels[layer]:
            return layer
    known = sorted(set().union(*(levels[layer] for layer in layers)))
    raise ValueError(f'--level must be one of {known}, but got {args.level}')


def _detect(model: nn.Module, data: dict) -> Dict[str, Any]:
    """A video with its actions and detections."""
    sample, = model.test_step(data)
    video = dict(
        sample.pred_instances.cpu().numpy().items(),
        video_id=sample.video_id,
        duration=float(sample.duration))
    segments, labels = ground_truth(data)
    if 'gt_segments' in sample:
        video.update(gt_segments=segments, gt_labels=labels)
    return video


def activity_rows(counts: Dict[tuple, np.ndarray]) -> List[Dict[str, Any]]:
    """Rate and strength of all layers together, and of each.

    Args:
        counts (dict): Of :func:`count_gates`, by place.

    Returns:
        list[dict]: With the keys of ``COLUMNS``.
    """
    together: Dict[tuple, np.ndarray] = {}
    for place, each in counts.items():
        key = place._replace(layer=ALL)
        together[key] = together.get(key, 0) + each
    return [
        dict(place._asdict(), **gate_activity(each), gates=int(each[0]))
        for place, each in {
            **together,
            **counts
        }.items()
    ]


def show(args: argparse.Namespace) -> None:
    """Measure, draw and write.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    check_outputs(args)
    model = init_detector(args.model, args.weights, args.device,
                          args.cfg_options)
    found = measure(model, args)
    rows = activity_rows(found.pop('counts'))
    number = found['num_videos']
    figure = draw_gates(
        found['video'],
        found['paths'], [row for row in rows if row['layer'] == ALL],
        model.dataset_meta['classes'],
        layer=f'{found["layer"]}, level {args.level}',
        scope=f'{ALL}, {number} video{"s" * (number > 1)}',
        score_thr=args.score_thr)
    table = Table('Gates', COLUMNS, [list(row.values()) for row in rows])
    write_outputs(args, figure, table,
                  dict(found, level=args.level, activity=rows))


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        show(args)


if __name__ == '__main__':
    main()
