"""Classify videos with a recognizer of MMAction2, as a score file.

The file names the actions that a class-agnostic detector finds; ScoreFusion
reads it. Each video is classified as a whole by the test pipeline of the
config: the clips that it takes from all over the video, and their average.

    python projects/mmaction_scores/tools/recognizer_scores.py CONFIG \\
        CHECKPOINT VIDEO_DIR --classes classes.txt --out scores.json

Scores are kept in OUT.partial as they come, so that the same command goes on
where it was interrupted.
"""
import argparse
import sys
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from rich.progress import track
from score_log import ScoreLog
from torch.utils.data import DataLoader, Dataset
from video_files import find_videos

import dyfadet_mm  # noqa: F401, mends mmaction
from dyfadet_mm.fileio import (FolderLock, load_database, read_class_list,
                               resolve_classes, select_subset)
from dyfadet_mm.fileio.score_files import match_classes

USER_ERRORS = (ImportError, KeyError, OSError, TypeError, ValueError)
OPENERS = ('DecordInit', 'OpenCVInit', 'PIMSInit', 'PyAVInit')


class Clips(Dataset):
    """Inputs of the recognizer, video by video.

    Args:
        videos (Sequence[tuple]): Id and path of each.
        pipeline (Sequence[dict]): Test pipeline of the recognizer.
    """

    def __init__(self, videos: Sequence[Tuple[str, str]],
                 pipeline: Sequence[dict]) -> None:
        self.videos = videos
        with DefaultScope.overwrite_default_scope('mmaction'):
            self.pipeline = Compose(pipeline)

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> Tuple[str, Union[dict, str]]:
        """Id of a video with its inputs, or with what is wrong with it."""
        video_id, path = self.videos[index]
        try:
            data = self.pipeline(
                dict(filename=path, label=-1, start_index=0, modality='RGB'))
        except ImportError:
            raise
        except Exception as error:  # every decoder has its own
            return video_id, f'{path!r}: {type(error).__name__}: {error}'
        return video_id, data


def build_recognizer(cfg: Config, checkpoint: str,
                     device: str) -> torch.nn.Module:
    """Build a recognizer with all of its weights.

    Args:
        cfg (Config): Config of MMAction2.
        checkpoint (str): Path or URL of its weights.
        device (str): Where it runs.

    Returns:
        nn.Module: The recognizer, in evaluation mode.

    Raises:
        ValueError: If the weights are not those of the config.
    """
    from mmaction.apis import init_recognizer
    from mmengine.runner import load_checkpoint
    model = init_recognizer(cfg, device=device)
    try:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        text = ' '.join(str(error).split())
        raise ValueError(f'checkpoint {checkpoint!r} must have the weights of '
                         f'the config, but: {text[:300]}') from error
    return model


def test_pipeline(cfg: Config) -> List[dict]:
    """The test pipeline of a config, which must begin with a video file.

    Args:
        cfg (Config): Config of MMAction2.

    Returns:
        list[dict]: Its steps.

    Raises:
        ValueError: If it does not read video files.
    """
    steps = cfg.get('test_pipeline') or []
    first = steps[0].type.split('.')[-1] if steps else None
    if first not in OPENERS:
        raise ValueError(
            f'test_pipeline of the config must begin with one of {OPENERS} '
            f'to read video files, but begins with {first!r}; take the '
            'config for videos instead of the one for frames or features')
    return steps


def read_class_names(args: argparse.Namespace) -> Tuple[str, ...]:
    """Names in the order of the recognizer's scores.

    Args:
        args (Namespace): With ``classes`` and ``annotations``.

    Returns:
        tuple[str]: Names.

    Raises:
        ValueError: If a name repeats, or the annotations have other classes.
    """
    names = read_class_list(args.classes)
    known = names
    if args.annotations is not None:
        known = resolve_classes(load_database(args.annotations))
    try:
        match_classes(names, known)
    except ValueError as error:
        raise ValueError(f'classes {args.classes!r} must {error}') from error
    return tuple(names)


def wanted_videos(args: argparse.Namespace) -> Dict[str, str]:
    """Paths of the videos to classify, by id."""
    if args.annotations is None:
        return find_videos(args.videos)
    database = load_database(args.annotations)
    if args.subset:
        database = select_subset(database, args.subset)
    return find_videos(args.videos, database)


@torch.no_grad()
def classify(model: torch.nn.Module, data: dict, video_id: str,
             classes: Sequence[str]) -> List[float]:
    """Scores of one video.

    Args:
        model (nn.Module): Recognizer.
        data (dict): What its pipeline made of the video.
        video_id (str): For errors.
        classes (Sequence[str]): Names of the scores.

    Returns:
        list[float]: One per class.

    Raises:
        ValueError: If there are not as many, or one is not finite.
    """
    scores = model.test_step(pseudo_collate([data]))[0].pred_score
    if scores.ndim != 1:
        raise ValueError(
            'the recognizer must average its clips, but gives scores of the '
            f'shape {tuple(scores.shape)}; add --cfg-options '
            'model.cls_head.average_clips=prob')
    if len(scores) != len(classes):
        raise ValueError(f'classes must be the {len(scores)} of the '
                         f'recognizer, in its order, but are {len(classes)}')
    if not scores.isfinite().all():
        raise ValueError(f'scores of video {video_id!r} must be finite, but '
                         'are not; the weights may be damaged')
    return [float(f'{score:.6g}') for score in scores.tolist()]


def score_videos(model: torch.nn.Module, loader: DataLoader, log: ScoreLog,
                 classes: Sequence[str], skip_unreadable: bool) -> List[str]:
    """Classify videos one by one, and keep each score at once.

    Args:
        model (nn.Module): Recognizer.
        loader (DataLoader): Over :class:`Clips`.
        log (ScoreLog): Takes the scores.
        classes (Sequence[str]): Names of the scores.
        skip_unreadable (bool): Whether to go on after a video that cannot be
            read.

    Returns:
        list[str]: What is wrong with the videos left out.

    Raises:
        ValueError: If one cannot be read.
    """
    problems = []
    for video_id, data in track(
            loader, 'classifying', disable=not sys.stderr.isatty()):
        if not isinstance(data, str):
            log.add(video_id, classify(model, data, video_id, classes))
        elif skip_unreadable:
            problems.append(data)
        else:
            raise ValueError(
                f'cannot read video {data}; replace it and run the command '
                'again, or give --skip-unreadable to leave such videos out')
    return problems


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line; without arguments, that of this process."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help="recognizer's config of MMAction2")
    parser.add_argument('checkpoint', help='its weights: path or URL')
    parser.add_argument(
        'videos', help='folder of videos, which are named by their ids')
    parser.add_argument(
        '--classes',
        required=True,
        help="text file with one name per line, in the recognizer's order")
    parser.add_argument('--out', required=True, help='JSON file to write')
    parser.add_argument(
        '--annotations',
        help='file in the layout of ActivityNet: its videos only, and all of '
        'them, with its class names (default: all videos of the folder)')
    parser.add_argument(
        '--subset', nargs='+', help='only these subsets of the annotations')
    parser.add_argument(
        '--device', default=get_device(), help='default: %(default)s')
    parser.add_argument(
        '--num-workers',
        type=int,
        default=0,
        help='processes that decode videos (default: 0, this one)')
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='leave out videos that cannot be read, and name them at the end')
    parser.add_argument(
        '--force',
        action='store_true',
        help='start anew and overwrite what is there')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in test_pipeline.0.type=OpenCVInit')
    return parser.parse_args(args)


def run(args: argparse.Namespace) -> str:
    """Write the score file that the command line asks for.

    Args:
        args (Namespace): Command line.

    Returns:
        str: What was done, in a few lines.
    """
    ScoreLog.check_out(args.out, args.force)
    with FolderLock(args.out, 'recognizer_scores.py', is_file=True):
        return write_scores(args)


def write_scores(args: argparse.Namespace) -> str:
    """Go on with :func:`run`, as the only process that writes the file."""
    classes = read_class_names(args)
    videos = wanted_videos(args)
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    pipeline = test_pipeline(cfg)
    model = build_recognizer(cfg, args.checkpoint, args.device)
    log = ScoreLog(args.out, model, pipeline, classes, args.force)
    todo = [item for item in videos.items() if item[0] not in log.scores]
    print(f'{len(videos)} videos, {len(videos) - len(todo)} of them done')
    loader = DataLoader(
        Clips(todo, pipeline), batch_size=None, num_workers=args.num_workers)
    problems = score_videos(model, loader, log, classes, args.skip_unreadable)
    log.finish(videos)
    lines = [f'scores of {len(videos) - len(problems)} videos in {args.out}']
    return '\n'.join(lines + [f'left out: {text}' for text in problems])


def main() -> None:
    """Run the command line; what the user can mend ends in one line."""
    try:
        print(run(parse_args()))
    except USER_ERRORS as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'{type(error).__name__}: {text}')


if __name__ == '__main__':
    main()
