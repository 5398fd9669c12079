"""Find the actions in videos, and show them.

    python demo/tad_demo.py VIDEO --model dyfadet://NAME --report page.html
    mim run dyfadet_mm tad_demo VIDEO --model CONFIG --weights CHECKPOINT

INPUT is a video, a file of features, a folder of either, or a text file with
one path per line. Without outputs, the detections are printed. The exit status
is 1 if a video failed, after the others. See docs/inference.md.
"""
import argparse
import os
import os.path as osp
import sys
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

# threads that sleep while they wait leave a busy CPU to the others; it is
# read when torch is imported
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'

from dyfadet_mm.apis import TADInferencer
from dyfadet_mm.apis.inputs import list_sources
from dyfadet_mm.evaluation.ground_truth import load_ground_truth
from dyfadet_mm.fileio import (FileNames, check_writable, class_name,
                               extend_classes, load_database, read_class_list,
                               subset_name, user_errors)
from dyfadet_mm.utils import choose_cpu_threads
from dyfadet_mm.visualization import (write_csv, write_overlay, write_report,
                                      write_subtitles)

# detections of a video that are printed
PRINTED = 20


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('inputs', nargs='+', metavar='INPUT')
    group = parser.add_argument_group('the detector')
    group.add_argument(
        '--model',
        help='dyfadet://NAME, a config, a name of the metafile, or a '
        'checkpoint')
    group.add_argument('--weights', help='checkpoint, if model names none')
    group.add_argument(
        '--extractor',
        metavar='CONFIG',
        help='what makes features of videos, such as one of configs/features '
        '(default: that of the model)')
    group.add_argument(
        '--extractor-weights', metavar='CHECKPOINT', help='of its recognizer')
    group.add_argument(
        '--classes',
        metavar='FILE',
        help='names, one per line, in label order')
    group.add_argument('--device', help='such as cuda:0 (default: the best)')
    group.add_argument('--batch-size', type=int, default=1)
    group = parser.add_argument_group('features, if nothing else says')
    group.add_argument('--fps', type=float, help='frames per second')
    group.add_argument(
        '--feat-stride', type=float, help='frames between two cells')
    group.add_argument(
        '--feat-num-frames', type=float, help='frames a cell has seen')
    group = parser.add_argument_group('what is shown')
    group.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='least score (default: %(default)s); predictions.json and CSV '
        'have all')
    group.add_argument(
        '--top-k', type=int, help='most detections of a video, the best')
    group.add_argument(
        '--ground-truth',
        metavar='JSON',
        help='annotations, drawn beside the detections')
    group = parser.add_argument_group(
        'outputs, of which none is overwritten without --force')
    group.add_argument('--report', metavar='HTML', help='one page for all')
    group.add_argument(
        '--out-dir',
        default='',
        metavar='DIR',
        help='predictions.json, and timelines/ with a picture of each')
    group.add_argument('--csv', metavar='CSV', help='one table for all')
    group.add_argument(
        '--overlay',
        metavar='MP4',
        help='the video with labels and bars; a folder, if there are several')
    group.add_argument(
        '--subtitles',
        metavar='SRT',
        help='of a player, .srt or .vtt; a folder, if there are several')
    group.add_argument('--force', action='store_true')
    group.add_argument('--no-progress', action='store_true')
    return parser.parse_args(args)


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse outputs that exist or cannot be written, before any work.

    Args:
        args (Namespace): The command line.

    Raises:
        FileExistsError: If one exists.
        WriteError: If one cannot be written.
    """
    for name in ('report', 'csv', 'overlay', 'subtitles'):
        path = getattr(args, name)
        if path is None or osp.isdir(path):
            continue
        if osp.lexists(path) and not args.force:
            raise FileExistsError(f'--{name} must be new, but there is '
                                  f'{path!r}; choose another one, or --force')
        check_writable(path, f'--{name}')


def detect(args: argparse.Namespace) -> Dict[str, str]:
    """Detect and write, as the command line says.

    Args:
        args (Namespace): The command line.

    Returns:
        dict[str, str]: Why videos failed, by input.

    Raises:
        OSError, ValueError: If nothing can be done.
    """
    check_outputs(args)
    classes = None if args.classes is None else read_class_list(args.classes)
    sources = list_sources(args.inputs)
    inferencer = TADInferencer(
        args.model,
        args.weights,
        args.device,
        show_progress=not args.no_progress and len(sources) > 1,
        extractor=args.extractor,
        extractor_weights=args.extractor_weights,
        classes=classes)
    classes, truth = inferencer.classes, {}
    if args.ground_truth is not None:
        classes, truth = read_truth(args.ground_truth, classes)
    found = inferencer(
        sources,
        batch_size=args.batch_size,
        top_k=args.top_k,
        out_dir=args.out_dir,
        overwrite=args.force,
        skip_failed=True,
        fps=args.fps,
        feat_stride=args.feat_stride,
        feat_num_frames=args.feat_num_frames)
    paths = {each.video_id: each.path for each in sources if each.is_video}
    videos = [
        dict(each, video=paths.get(each['video_id']))
        for each in found['predictions']
    ]
    for video in videos:
        if video['video_id'] in truth:
            actions = truth[video['video_id']]
            video.update(
                gt_segments=actions['segments'], gt_labels=actions['labels'])
    write(args, videos, classes)
    return found['failed']


def read_truth(path: str, classes: Sequence[str]) -> Tuple[tuple, dict]:
    """Read annotations of any subset.

    Args:
        path (str): The file.
        classes (Sequence[str]): Of the model.

    Returns:
        tuple: ``classes`` and behind them others of the file, and the
        actions by video id, see :func:`load_ground_truth`.
    """
    subsets = sorted({
        subset_name(name, entry)
        for name, entry in load_database(path).items()
    })
    _, own = load_ground_truth(path, subsets)
    classes = extend_classes(classes, own)
    return classes, load_ground_truth(path, subsets, classes)[0]


def write(args: argparse.Namespace, videos: List[dict],
          classes: Sequence[str]) -> None:
    """Write what was asked for, or print the detections.

    Args:
        args (Namespace): The command line.
        videos (list[dict]): Detections and ground truth of every video, and
            the path ``video`` of those that are videos.
        classes (Sequence[str]): Names in label order.
    """
    show = dict(score_thr=args.score_thr, overwrite=args.force)
    if args.report is not None:
        write_report(args.report, videos, classes, **show)
    if args.csv is not None:
        write_csv(args.csv, videos, classes, overwrite=args.force)
    if args.subtitles is not None:
        for video, path in named(args.subtitles, videos, '.srt'):
            write_subtitles(path, video, classes, **show)
    if args.overlay is not None:
        shown = [each for each in videos if each['video'] is not None]
        for video, path in named(args.overlay, shown, '.mp4'):
            write_overlay(path, video['video'], video, classes, **show)
    outputs = (args.out_dir, args.report, args.csv, args.subtitles,
               args.overlay)
    for path in filter(None, outputs):
        print(f'written: {path}')
    if not any(outputs):
        for video in videos:
            print_detections(video, classes, args.score_thr)


def named(path: str, videos: List[dict],
          suffix: str) -> Iterator[Tuple[dict, str]]:
    """Give each video the path of its output.

    Args:
        path (str): A file for one video, a folder for several.
        videos (list[dict]): The videos.
        suffix (str): Of files in a folder.

    Yields:
        tuple: A video and its path.
    """
    names = FileNames()
    for video in videos:
        if len(videos) == 1 and not osp.isdir(path):
            yield video, path
        else:
            yield video, osp.join(path, names(video['video_id']) + suffix)


def print_detections(video: dict, classes: Sequence[str],
                     score_thr: float) -> None:
    """Print the best detections of a video in the order of time."""
    keep = [n for n, x in enumerate(video['scores']) if x >= score_thr]
    print(f"{video['video_id']}: {len(keep)} detections of at least "
          f'{score_thr} in {video["duration"]:.1f} s')
    for n in sorted(keep[:PRINTED], key=lambda n: video['segments'][n]):
        start, end = video['segments'][n]
        print(f"{start:9.1f} {end:9.1f} s  {video['scores'][n]:.2f}  "
              f"{class_name(video['labels'][n], classes)}")
    if len(keep) > PRINTED:
        print(f'and {len(keep) - PRINTED} of lower scores')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    choose_cpu_threads()
    with user_errors(ImportError):
        failed = detect(args)
    if failed:
        lines = [f'{name}: {text}' for name, text in failed.items()]
        sys.exit('\n'.join([f'{len(failed)} inputs failed:', *lines]))


if __name__ == '__main__':
    main()
