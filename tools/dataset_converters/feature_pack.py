"""Rewrite features as npy files or as one HDF5 file.

    python tools/dataset_converters/feature_pack.py \\
        data/hacs/slowfast_pkl/{subset} data/hacs/slowfast_features \\
        --reader SlowFastPickleReader --suffix .pkl \\
        --ann-file data/hacs/annotations/hacs.json --feat-dim 2304

reads the videos of an annotation file, or all files of a folder, with any
feature reader, and writes ``<out>/<name>.npy`` or, if the output is called
``.hdf5`` or ``.h5``, one data set per name; a name is that of the source file
without its suffix. Whatever is written is read again and compared. A file
appears under its own name only when it is complete. What cannot be read is
left out and listed at the end, with exit status 1. A second run with the same
output is refused as long as the first one lasts.
"""
import argparse
import sys
from typing import List, Optional, Sequence

from feature_outputs import check_complete, pack_container, pack_files
from feature_sources import (CONTAINERS, Reading, check_sources,
                             sources_of_annotations, sources_of_folder)
from mmengine.config import DictAction

from dyfadet_mm.fileio import BaseFeatureReader, FolderLock, user_errors
from dyfadet_mm.registry import TASK_UTILS

SUFFIXES = dict(
    CSVReader='.csv',
    NpyReader='.npy',
    NpzReader='.npz',
    SlowFastPickleReader='.pkl',
    TorchReader='.pt')


def build_reader(name: str, options: Optional[dict]) -> BaseFeatureReader:
    """Build a registered reader.

    Args:
        name (str): Its class.
        options (dict, optional): Its arguments.

    Returns:
        BaseFeatureReader: The reader.

    Raises:
        TypeError: If it has no such argument.
        ValueError: If there is no such reader.
    """
    known = {
        key: value
        for key, value in TASK_UTILS.module_dict.items()
        if isinstance(value, type) and issubclass(value, BaseFeatureReader)
    }
    if name not in known:
        raise ValueError(f'--reader must be one of {sorted(known)}, but got '
                         f'{name!r}')
    return known[name](**(options or {}))


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0],
        epilog=__doc__.partition('\n')[2],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'source',
        help='folder of features, or one HDF5 file; {subset} stands for the '
        'subset of each video')
    parser.add_argument('out', help='new folder, or new .hdf5 or .h5 file')
    parser.add_argument(
        '--reader', default='NpyReader', help='default: %(default)s')
    parser.add_argument(
        '--reader-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='arguments of the reader, such as key=feats')
    parser.add_argument(
        '--ann-file', help='read its videos only, and all of them')
    parser.add_argument('--prefix', default='', help='text before video ids')
    parser.add_argument(
        '--suffix', help='text after them (default: that of the format)')
    parser.add_argument(
        '--feat-dim', type=int, help='C (default: that of the first video)')
    parser.add_argument(
        '--float16', action='store_true', help='round to half the size')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='complete a folder; what is there is compared, not overwritten')
    return parser.parse_args(args)


def pack(args: argparse.Namespace) -> List[str]:
    """Rewrite what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        list[str]: What went wrong, a line per video.
    """
    into_container = args.out.lower().endswith(CONTAINERS)
    if into_container and args.resume:
        raise ValueError('--resume must be used with a folder, but got '
                         f'{args.out!r}; an HDF5 file is written at once')
    reading = Reading(
        build_reader(args.reader, args.reader_options), args.feat_dim,
        args.float16)
    suffix = args.suffix
    if suffix is None:
        suffix = SUFFIXES.get(args.reader, '')
    if args.ann_file is None:
        sources = sources_of_folder(args.source, args.prefix, suffix)
    else:
        sources = sources_of_annotations(args.ann_file, args.source,
                                         args.prefix, suffix)
    check_sources(sources, args.source)
    with FolderLock(args.out, 'feature_pack.py', is_file=True):
        if into_container:
            names = pack_container(sources, reading, args.out)
        else:
            names = pack_files(sources, reading, args.out, args.resume)
        check_complete(args.out, names, into_container)
    print(f'{len(names)} of {len(sources)} videos are in {args.out}')
    return reading.failures


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        failures = pack(args)
    if failures:
        sys.exit('\n'.join([f'{len(failures)} left out:', *failures]))


if __name__ == '__main__':
    main()
