"""Make the features of videos with a recognizer of MMAction2.

    python tools/misc/extract_features.py VIDEOS \\
        --config configs/features/thumos14_i3d.py --checkpoint WEIGHTS \\
        --out data/mine/i3d

VIDEOS are files and folders. OUT gets one npy file (T, C) per video, named by
it, or is one HDF5 file. ``feature_grid.json`` beside them says which frames a
cell has seen; data sets read it. The same command goes on where it was
interrupted. Exit status 1: a video could not be read; the others are there.

With the config and the checkpoint of a detector that was trained from frames,
the features are those of its own encoder: on them it detects what it does on
the frames. Its config says the grid and how frames are prepared.
"""
import argparse
import os
import sys
from typing import Optional, Sequence

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mmengine.config import Config, DictAction
from mmengine.device import get_device

from dyfadet_mm.apis import EncoderExtractor, FeatureExtractor
from dyfadet_mm.apis.recognizers import read_config
from dyfadet_mm.fileio import user_errors
from dyfadet_mm.utils import choose_cpu_threads


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('videos', nargs='+', help='video files, and folders')
    parser.add_argument(
        '--config',
        required=True,
        help='one of configs/features/, another config of a recognizer, a '
        'name in the metafiles of MMAction2, or the config of a detector that '
        'reads frames')
    parser.add_argument(
        '--checkpoint',
        help='weights: path or URL (default: published ones of a name)')
    parser.add_argument(
        '--out', required=True, help='folder, or a file that ends in .hdf5')
    parser.add_argument(
        '--grid',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='stride=4 window=16 fps=30; without fps, every frame of the '
        'video (default: that of the config)')
    parser.add_argument(
        '--preprocessing',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='size=224 short_side=256: of the shorter side 256, the centre; '
        'without short_side, squashed; mean=0,0,0 std=255,255,255 (default: '
        'those of the config)')
    parser.add_argument(
        '--batch-size',
        type=int,
        default=8,
        help='clips at a time, of one or several videos (default: %(default)s)'
    )
    parser.add_argument(
        '--num-workers',
        type=int,
        default=2,
        help='threads that decode, each a video (default: %(default)s)')
    parser.add_argument(
        '--device', default=get_device(), help='default: %(default)s')
    parser.add_argument(
        '--dtype',
        default='float32',
        help='float32, float16 or bfloat16, in which the model computes '
        '(default: %(default)s)')
    parser.add_argument(
        '--save-dtype',
        default='float32',
        help='float32 or float16 (default: %(default)s)')
    parser.add_argument(
        '--force', action='store_true', help='replace what is there')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config of the recognizer')
    return parser.parse_args(args)


def extract(args: argparse.Namespace) -> int:
    """Make the features that the command line asks for.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        int: How many videos have none.
    """
    cfg, _, published = read_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    choose_cpu_threads()
    if (cfg.get('model') or {}).get('encoder'):
        extractor = _encoder(cfg, args)
    else:
        extractor = _recognizer(cfg, args.checkpoint or published, args)
    done = extractor.extract_to(
        args.videos,
        args.out,
        args.save_dtype,
        args.force,
        progress=sys.stderr.isatty())
    print(f'features of {len(done.written)} videos are new in {args.out}'
          f'{f", those of {len(done.kept)} were there" if done.kept else ""}')
    for name, reason in done.failed.items():
        print(f'failed: {name}: {reason}', file=sys.stderr)
    return len(done.failed)


def _encoder(cfg: Config, args: argparse.Namespace) -> FeatureExtractor:
    """The encoder of a detector."""
    for name in ('grid', 'preprocessing'):
        if getattr(args, name):
            raise ValueError(f'{name} is that of the test pipeline of a '
                             f'detector with an encoder; leave --{name} out')
    if args.checkpoint is None:
        raise ValueError('a detector with an encoder must have weights; give '
                         '--checkpoint')
    if args.dtype != 'float32':
        cfg.model.predict_dtype = args.dtype
    return EncoderExtractor(cfg, args.checkpoint, args.device)


def _recognizer(cfg: Config, checkpoint: Optional[str],
                args: argparse.Namespace) -> FeatureExtractor:
    """A recognizer that sees a clip for each cell."""
    settings = cfg.get('feature_extractor') or {}
    grid = {**settings.get('grid', {}), **(args.grid or {})}
    return FeatureExtractor(
        cfg,
        checkpoint,
        grid=grid or None,
        preprocessing=args.preprocessing,
        device=args.device,
        batch_size=args.batch_size,
        dtype=args.dtype,
        num_workers=args.num_workers)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        failed = extract(args)
    sys.exit(int(failed > 0))


if __name__ == '__main__':
    main()
