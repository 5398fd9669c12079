"""Videos in which a figure looks at what a detector computes."""
import argparse
import os.path as osp
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
from error_report import plain
from error_tables import Table, write_table
from matplotlib.figure import Figure
from mmengine.config import DictAction
from mmengine.dataset import pseudo_collate
from rich.progress import track
from torch import nn

from dyfadet_mm.apis import TADInferencer
from dyfadet_mm.apis.inputs import list_sources
from dyfadet_mm.datasets.class_names import use_classes
from dyfadet_mm.fileio import brief, save_json
from dyfadet_mm.registry import DATASETS
from dyfadet_mm.structures import grid_to_seconds
from dyfadet_mm.visualization import save_figure
from dyfadet_mm.visualization.outputs import check_new

TABLES = ('.csv', '.json')


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Add what both figures ask for.

    Args:
        parser (ArgumentParser): Gets the options.
    """
    parser.add_argument(
        '--out',
        required=True,
        help='picture, such as .png, .svg or .pdf; the numbers are written '
        'beside it, as .csv and .json')
    parser.add_argument(
        '--force', action='store_true', help='replace old files')
    group = parser.add_argument_group('videos')
    group.add_argument(
        '--videos',
        nargs='+',
        metavar='ID',
        help='of the data set (default: all)')
    group.add_argument(
        '--subset',
        nargs='+',
        help='of the data set (default: that of test_dataloader)')
    group.add_argument(
        '--features',
        nargs='+',
        metavar='FILE',
        help='features in place of the data set, without ground truth')
    group.add_argument(
        '--fps', type=float, help='of --features, if nothing else says')
    group.add_argument(
        '--video', metavar='ID', help='the one drawn (default: the first)')
    group = parser.add_argument_group('the detector')
    group.add_argument('--device', help='such as cuda:0 (default: the best)')
    group.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in data_root=data/mine/')


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse to replace files that nobody said may be replaced.

    Args:
        args (Namespace): The options of :func:`add_video_options`.

    Raises:
        FileExistsError: If there is one and it may not.
        ValueError: If the picture would be one of the tables.
        WriteError: If no file can be written there.
    """
    if osp.splitext(args.out)[1].lower() in TABLES:
        raise ValueError('--out must be a picture, such as figure.png, but '
                         f'got {args.out!r}')
    for path in (args.out, *_tables(args.out)):
        check_new(path, args.force)


def _tables(path: str) -> List[str]:
    """The files of the numbers beside a picture."""
    return [osp.splitext(path)[0] + suffix for suffix in TABLES]


def write_outputs(args: argparse.Namespace, figure: Figure, table: Table,
                  content: Dict[str, Any]) -> None:
    """Write a picture and its numbers.

    Args:
        args (Namespace): The options of :func:`add_video_options`.
        figure (Figure): The picture.
        table (Table): What becomes the CSV file.
        content (dict): What becomes the JSON file.
    """
    csv, json = _tables(args.out)
    save_figure(figure, args.out)
    write_table(csv, table)
    save_json(json, plain(content))
    print(f'written: {args.out}, {csv}, {json}')


def read_videos(model: nn.Module,
                args: argparse.Namespace) -> Iterator[Tuple[str, dict]]:
    """Videos one after the other.

    Args:
        model (nn.Module): Of :func:`init_detector`.
        args (Namespace): The options of :func:`add_video_options`.

    Yields:
        tuple: Id of a video, and a batch of this one as the model takes it.

    Raises:
        ValueError: If the data set has not the videos.
    """
    if args.features is not None:
        sources = list_sources(args.features)
        ids = [each.video_id for each in sources]
        batches = TADInferencer(
            model, show_progress=False).preprocess(
                sources, fps=args.fps)
    else:
        ids, batches = _from_dataset(model, args)
    if args.video is not None and args.video not in ids:
        raise ValueError('--video must be one of the videos, '
                         f'{brief(ids)}, but got {args.video!r}')
    # the bar is asked first, so that it sees the end
    for data, video_id in zip(track(batches, 'Videos', len(ids)), ids):
        yield video_id, data


def _from_dataset(model: nn.Module,
                  args: argparse.Namespace) -> Tuple[List[str], Any]:
    """Ids of the data set of the config, and their batches."""
    loader = model.cfg.get('test_dataloader')
    if not loader:
        raise ValueError('the config must have a test_dataloader, but has '
                         'none; give --features')
    cfg = dict(loader.dataset)
    if args.subset is not None:
        cfg['subset'] = args.subset
    dataset = DATASETS.build(cfg)
    if not getattr(dataset, 'class_agnostic', False):
        use_classes(dataset, model.dataset_meta['classes'])
    ids = [dataset.get_data_info(i)['video_id'] for i in range(len(dataset))]
    chosen = ids if args.videos is None else args.videos
    unknown = [each for each in chosen if each not in ids]
    if unknown or not chosen:
        raise ValueError(f'--videos must be in the data set, {brief(ids)}, '
                         f'but got {brief(unknown)}')
    return chosen, (
        pseudo_collate([dataset[ids.index(each)]]) for each in chosen)


def ground_truth(data: dict) -> Tuple[np.ndarray, np.ndarray]:
    """Actions of a video in seconds.

    Args:
        data (dict): A batch of :func:`read_videos`.

    Returns:
        tuple: Segments (N, 2) and labels (N, ); none where nothing is known.
    """
    sample, = data['data_samples']
    if 'gt_segments' not in sample:
        return np.zeros((0, 2)), np.zeros(0, int)
    return sample.gt_segments.numpy(), sample.gt_labels.numpy()


def cell_borders(data: dict, num_cells: int, step: int) -> np.ndarray:
    """When the cells of a level begin and end.

    Args:
        data (dict): A batch of :func:`read_videos`.
        num_cells (int): T, of the level.
        step (int): Cells of the feature grid from one to the next.

    Returns:
        ndarray: Seconds, (T + 1, ); a cell is around its centre.
    """
    sample, = data['data_samples']
    return grid_to_seconds((np.arange(num_cells + 1) - 0.5) * step, sample.fps,
                           sample.feat_stride, sample.feat_num_frames)
