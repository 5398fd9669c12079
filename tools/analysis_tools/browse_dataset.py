"""Draw samples as the model receives them, after augmentation.

    python tools/analysis_tools/browse_dataset.py CONFIG --out-dir DIR --num 8

Each image shows the norm of the features, the features themselves and the
actions on one axis, in seconds from the start of the crop. Of a data set of
video files it shows frames in place of the features.
"""
import argparse
import os
from typing import Optional, Sequence

import numpy as np
from matplotlib.image import imsave
from mmengine.config import Config, DictAction
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.utils import track_iter_progress

from dyfadet_mm.engine import merge_options
from dyfadet_mm.engine.hooks import unwrap_datasets
from dyfadet_mm.fileio import FileNames, atomic_path, user_errors
from dyfadet_mm.registry import DATASETS
from dyfadet_mm.structures import grid_to_seconds
from dyfadet_mm.visualization import draw_timeline, figure_to_image
from dyfadet_mm.visualization.feature_strip import (draw_feature_strip,
                                                    draw_frame_strip)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--out-dir',
        '--output-dir',
        required=True,
        help='folder for the images, whose names must be new')
    parser.add_argument(
        '--phase',
        '-p',
        choices=['train', 'val', 'test'],
        default='train',
        help='whose data set and pipeline (default: %(default)s)')
    parser.add_argument(
        '--num',
        '--show-number',
        '-n',
        type=int,
        default=8,
        help='samples, spread over the data set (default: %(default)s)')
    parser.add_argument(
        '--epoch',
        type=int,
        default=0,
        help='whose random numbers to use (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the run (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in data_root=data/mine feat_stride=8')
    parser.add_argument(
        '--force', action='store_true', help='replace old images')
    return parser.parse_args(args)


def build_dataset(args: argparse.Namespace) -> BaseDataset:
    """Build the data set of a phase.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        BaseDataset: With random numbers of the chosen epoch.

    Raises:
        ValueError: If the config has no such data set.
    """
    cfg = merge_options(Config.fromfile(args.config), args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'dyfadet_mm'))
    loader = cfg.get(f'{args.phase}_dataloader')
    if not loader:
        raise ValueError(f'--phase {args.phase} needs {args.phase}_dataloader '
                         'in the config, but got none')
    dataset = DATASETS.build(loader.dataset)
    for inner in unwrap_datasets(dataset):
        inner.set_epoch(args.epoch, args.seed)
    return dataset


def draw_sample(sample: dict, classes: Optional[Sequence[str]]) -> np.ndarray:
    """Draw features or frames above actions.

    Args:
        sample (dict): ``inputs``, (C, T) or (3, T, k, H, W), and
            ``data_samples``.
        classes (Sequence[str], optional): Names in label order.

    Returns:
        ndarray: RGB, uint8, (H, W, 3).
    """
    inputs = sample['inputs'].numpy()
    num_cells = inputs.shape[1]
    data_sample = sample['data_samples']
    timing = (data_sample.fps, data_sample.feat_stride,
              data_sample.feat_num_frames)
    centres = grid_to_seconds(np.array([0, num_cells - 1]), *timing)
    # the last cell ends half a window after its centre
    duration = centres[1] + 0.5 * timing[2] / timing[0]
    gt = data_sample.get('gt_instances',
                         dict(segments=np.zeros((0, 2)), labels=np.zeros(0)))
    video = dict(
        video_id=f'{data_sample.video_id}: {num_cells} cells of '
        f'{_what(inputs)}, {len(gt["labels"])} actions',
        duration=duration,
        gt_segments=gt['segments'],
        gt_labels=gt['labels'])
    if inputs.ndim == 2:
        strip = draw_feature_strip(inputs.T, *centres, duration)
    else:
        strip = draw_frame_strip(inputs[:, :, 0], duration)
    return np.concatenate([
        figure_to_image(strip),
        figure_to_image(draw_timeline([video], classes))
    ])


def _what(inputs: np.ndarray) -> str:
    """What a cell has."""
    if inputs.ndim == 2:
        return f'{len(inputs)} channels'
    number, height, width = inputs.shape[2:]
    return f'{number} frames {width} x {height}'


def choose_files(args: argparse.Namespace, dataset: BaseDataset) -> dict:
    """Choose samples, and a new file for each.

    Args:
        args (Namespace): As of :func:`parse_args`.
        dataset (BaseDataset): Data set.

    Returns:
        dict[int, str]: Path by index of the sample.

    Raises:
        FileExistsError: If an image would be lost.
        ValueError: If --num is below 1.
    """
    if args.num < 1:
        raise ValueError(f'--num must be at least 1, but got {args.num}')
    num = min(args.num, len(dataset))
    files, names = {}, FileNames()
    for index in np.linspace(0, len(dataset) - 1, num).astype(int).tolist():
        video_id = dataset.get_data_info(index)['video_id']
        path = os.path.join(args.out_dir,
                            f'{args.phase}_{index}_{names(video_id)}.png')
        if os.path.lexists(path) and not args.force:
            raise FileExistsError(f'--out-dir must not hold {path!r} already; '
                                  'choose another, or --force')
        files[index] = path
    return files


def browse(args: argparse.Namespace) -> None:
    """Draw what the command line asks for.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    dataset = build_dataset(args)
    files = choose_files(args, dataset)
    os.makedirs(args.out_dir, exist_ok=True)
    classes = dataset.metainfo.get('classes')
    for index, path in track_iter_progress(list(files.items())):
        with atomic_path(path) as part:
            imsave(part, draw_sample(dataset[index], classes), format='png')
    print(f'\n{len(files)} samples are in {args.out_dir}')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors():
        browse(args)


if __name__ == '__main__':
    main()
