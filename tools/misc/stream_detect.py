"""Detect in features that come through a pipe, while they come.

    some-extractor | python tools/misc/stream_detect.py CONFIG CHECKPOINT \\
        --fps 30 --stride 4 --window-frames 16

reads float32 numbers in the order of this machine, C of every cell, and
prints a line of JSON for every detection as soon as it is final. See
docs/streaming.md.
"""
import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from typing import Iterator, Optional, Sequence

import numpy as np
import torch
from mmengine.config import DictAction

from dyfadet_mm.apis import StreamDetection, TADInferencer, init_detector
from dyfadet_mm.fileio import user_errors

CHUNK = 1 << 20  # most bytes that are read at once


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        'config',
        help='dyfadet://NAME, a config, a name of the metafile, or a '
        'checkpoint')
    parser.add_argument(
        'checkpoint', nargs='?', help='weights, if config names none')
    parser.add_argument(
        '--channels', type=int, help='C (default: that of the config)')
    parser.add_argument('--fps', type=float, help='frames per second')
    parser.add_argument(
        '--stride',
        type=float,
        help='frames between two cells (default: that of the config)')
    parser.add_argument(
        '--window-frames',
        type=float,
        help='frames that a cell has seen (default: that of the config)')
    parser.add_argument(
        '--window',
        type=int,
        help='cells of a window (default: that of the config)')
    parser.add_argument(
        '--overlap', type=float, default=0.5, help='default: %(default)s')
    parser.add_argument('--score-thr', type=float, help='lowest score')
    parser.add_argument(
        '--margin',
        type=float,
        default=0.,
        help='cells that an action may begin before its window')
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5')
    return parser.parse_args(args)


def read_cells(source: int, channels: int) -> Iterator[np.ndarray]:
    """Read what there is, without waiting for more.

    Args:
        source (int): File descriptor.
        channels (int): C.

    Yields:
        ndarray: Whole cells, (n, C) float32.

    Raises:
        ValueError: If the last cell is not whole.
    """
    size, rest = 4 * channels, b''
    while part := os.read(source, CHUNK):
        rest += part
        num = len(rest) // size
        yield np.frombuffer(rest, np.float32,
                            num * channels).reshape(num, channels)
        rest = rest[num * size:]
    if rest:
        raise ValueError(
            f'features must end with a whole cell of {size} bytes, but '
            f'{len(rest)} bytes are left; see --channels')


def detect(args: argparse.Namespace) -> Iterator[dict]:
    """Detect as the command line says.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Yields:
        dict: A detection.
    """
    with redirect_stdout(sys.stderr):  # where only detections belong
        model = init_detector(args.config, args.checkpoint, args.device,
                              args.cfg_options)
        inferencer = TADInferencer(model, show_progress=False)
    window = None
    if args.window is not None:
        window = dict(size=args.window, overlap=args.overlap)
    channels = args.channels or model.backbone.in_channels
    for each in inferencer.stream(
            read_cells(sys.stdin.fileno(), channels),
            fps=args.fps,
            feat_stride=args.stride,
            feat_num_frames=args.window_frames,
            window=window,
            score_thr=args.score_thr,
            margin=args.margin):
        yield as_line(each, inferencer.classes)


def as_line(found: StreamDetection, classes: Sequence[str]) -> dict:
    """A detection as JSON has it."""
    return dict(
        segment=[round(each, 3) for each in found.segment],
        label=classes[found.label],
        score=round(found.score, 4),
        at=round(found.at, 3),
        exact=found.exact)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        try:
            with torch.no_grad():
                for line in detect(args):
                    print(json.dumps(line, ensure_ascii=False), flush=True)
        except BrokenPipeError:  # whoever reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == '__main__':
    main()
