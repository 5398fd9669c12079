"""Data set of video files, for detectors that read frames."""
import logging
import os
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional

from mmengine.logging import print_log

from dyfadet_mm.fileio import (VIDEO_SUFFIXES, VideoError, brief,
                               check_container, features_exist, probe_video)
from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class TADVideoDataset(TADDataset):
    """Untrimmed videos as files, and actions to detect.

    Annotations are those of :class:`TADDataset`. A pipeline starts from the
    same keys, with ``filename`` in place of ``feature_paths``. ``fps`` may be
    missing in the annotation file: it is then None, and
    :class:`SampleCellFrames` sets that of the video.

    Args:
        ann_file (str): Annotation file, relative to ``data_root``.
        subset (str | Sequence[str]): Subset or subsets, in any case.
        feat_stride (float, optional): Frames between two cells. Defaults to
            None, for a pipeline that spreads cells over the whole video.
        feat_num_frames (float, optional): Frames from the first to the last
            one that a cell shows. Defaults to None: :class:`SampleCellFrames`
            counts them.
        data_prefix (dict[str, str]): Folder of the videos, relative to
            ``data_root``, as ``dict(video='videos/')``. Defaults to
            ``dict(video='')``.
        file_suffix (str, optional): How the names of the videos end. Defaults
            to None: with any suffix of a video that is in the folder, which
            must be local.
        filter_missing (bool): Skip videos without a file, and those that
            cannot be opened, and log which. Defaults to False, which raises.
        kwargs: Other arguments of :class:`TADDataset`.

    Raises:
        FileNotFoundError: If the annotation file is missing, or a video is
            and ``filter_missing`` is False.
        ValueError: If an argument or an annotation is out of range.
    """

    def __init__(self,
                 *args: Any,
                 data_prefix: Optional[Dict[str, str]] = None,
                 file_suffix: Optional[str] = None,
                 **kwargs: Any) -> None:
        if data_prefix is None:
            data_prefix = dict(video='')
        if set(data_prefix) != {'video'}:
            raise ValueError('data_prefix must have the folder of the videos, '
                             "as dict(video='videos/'), but got "
                             f'{data_prefix}')
        self._suffixes: Dict[str, Dict[str, str]] = {}  # of each folder
        self._any_suffix = file_suffix is None
        super().__init__(
            *args,
            data_prefix=data_prefix,
            file_suffix=file_suffix or '',
            **kwargs)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Convert one entry of the annotation file.

        Args:
            raw_data_info (dict): ``video_id``, ``entry`` and ``class_ids``.

        Returns:
            dict: Start of a pipeline, without ``rng``.
        """
        entry = raw_data_info['entry']
        unknown = (
            self.fps is None and entry.get('fps') is None
            and entry.get('frame') is None)
        if unknown:  # the video says it
            raw_data_info = dict(raw_data_info, entry=dict(entry, fps=1.))
        data_info = super().parse_data_info(raw_data_info)
        if unknown:
            data_info['fps'] = None
        path = data_info.pop('feature_paths')['video']
        if self._any_suffix:
            path += self._suffix_of(path)
        data_info['filename'] = path
        return data_info

    def _suffix_of(self, path: str) -> str:
        """Suffix of the video in the folder, or '.mp4' if it is missing."""
        folder, name = os.path.split(path)
        if folder not in self._suffixes:
            self._suffixes[folder] = found = {}
            names = os.listdir(folder or '.') if os.path.isdir(folder
                                                               or '.') else []
            for stem, suffix in map(os.path.splitext, sorted(names)):
                if suffix.lower() not in VIDEO_SUFFIXES:
                    continue
                if stem in found:
                    raise ValueError(
                        f'videos of {folder!r} must have one file each, but '
                        f'{stem!r} ends in {found[stem]!r} and {suffix!r}; '
                        'remove one, or set file_suffix')
                found[stem] = suffix
        return self._suffixes[folder].get(name, '.mp4')

    def filter_files(self, data_list: List[dict]) -> List[dict]:
        """Keep the videos that have a file.

        Args:
            data_list (list[dict]): Starts of pipelines.

        Returns:
            list[dict]: With ``filter_missing``, those that can be opened.

        Raises:
            FileNotFoundError: If a file is missing and ``filter_missing`` is
                False, or none can be used.
        """
        faults = {
            info['video_id']: fault
            for info in data_list if (fault := self._fault(info)) is not None
        }
        if not faults:
            return data_list
        if not self.filter_missing or len(faults) == len(data_list):
            more = '' if len(faults) == 1 else (
                f' (and {len(faults) - 1} more of {len(data_list)} videos)')
            name, fault = next(iter(faults.items()))
            raise FileNotFoundError(
                f'video {brief(name)} cannot be used: {fault}{more}; correct '
                'data_root, data_prefix or file_suffix, or set '
                'filter_missing=True to skip such videos')
        dots = ', ...' if len(faults) > 5 else ''
        reasons = '; '.join(f'{brief(name)}: {fault}'
                            for name, fault in list(faults.items())[:5])
        print_log(
            f'skipped {len(faults)} of {len(data_list)} videos that cannot be '
            f'used: {reasons}{dots}',
            logger='current',
            level=logging.WARNING)
        return [info for info in data_list if info['video_id'] not in faults]

    def _fault(self, data_info: dict) -> Optional[str]:
        """Why a video cannot be used, or None."""
        path = data_info['filename']
        try:
            if not features_exist(path, self.backend_args):
                return f'no file at {path!r}'
        except NotImplementedError:
            return None  # as over HTTP: the decoder will tell
        if self.filter_missing and os.path.exists(path):
            try:
                probe_video(path)
            except VideoError as error:
                return str(error)
        return None

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one video.

        Args:
            idx (int): Index of the video.

        Returns:
            Any: What the last step of the pipeline returns.

        Raises:
            VideoError: If it cannot be decoded.
        """
        with reading_video(self.get_data_info(idx)['filename']):
            return super().prepare_data(idx)


@contextmanager
def reading_video(path: str) -> Iterator[None]:
    """Name the video that a decoder cannot read, and refuse what is none.

    Decoders have errors of their own, most of which name no file. What the
    steps of a pipeline raise stays as it is. Local files are opened by PyAV
    first, if it is there: other decoders also take lists of other files.

    Args:
        path (str): The file.

    Raises:
        VideoError: In place of the decoder's error.
    """
    if os.path.isfile(path):
        with suppress(ImportError):
            check_container(path)
    try:
        yield
    except (AttributeError, ImportError, LookupError, MemoryError, TypeError):
        raise
    except Exception as error:
        if type(error) in (ValueError, VideoError):
            raise
        text = str(error).strip().splitlines()
        raise VideoError(
            f'video {path!r} must be readable, but got '
            f'{type(error).__name__}: {text[-1] if text else ""}; replace '
            'it, read it by another decoder, leave it out by exclude, or set '
            'filter_missing=True to skip videos that cannot be opened'
        ) from error
