"""Readers of pre-computed features, one class per file format.

A reader is chosen in the config, ``reader=dict(type='dyfadet_mm.NpyReader')``,
and answers ``read(path, video_id)`` with a (T, C) float32 array or with one
error that names the video, the file, what was expected and what to do.
"""
import io
from abc import ABCMeta, abstractmethod
from typing import Optional
from urllib.error import HTTPError

import numpy as np
from mmengine import fileio

from dyfadet_mm.registry import TASK_UTILS


def missing_features_message(video_id: str, path: str) -> str:
    """Say that a video has no feature file, and what to do about it.

    Args:
        video_id (str): Name of the video in the annotations.
        path (str): Where its features were looked for.

    Returns:
        str: Text for a :class:`FileNotFoundError`.
    """
    return (f'no features for video {video_id!r} at {path!r}; correct '
            'data_root, data_prefix, file_prefix or file_suffix, or set '
            'filter_missing=True to skip such videos')


def features_exist(path: str, backend_args: Optional[dict] = None) -> bool:
    """Whether a feature file exists, wherever MMEngine can look.

    Args:
        path (str): Local path or URI.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        bool: True if the file is there.

    Raises:
        NotImplementedError: If the backend cannot tell, as over HTTP.
    """
    backend = fileio.get_file_backend(
        path, backend_args=backend_args, enable_singleton=True)
    if not hasattr(backend, 'exists'):
        raise NotImplementedError(
            f'{type(backend).__name__} cannot tell whether {path!r} exists')
    return backend.exists(path)


class BaseFeatureReader(metaclass=ABCMeta):
    """Read the features of one video; subclasses decode one file format.

    Args:
        backend_args (dict, optional): MMEngine's file backend, for example
            ``dict(backend='petrel')``. Defaults to None, chosen by the prefix
            of the path: local disk, ``s3://``, ``http://``.
    """

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args

    @abstractmethod
    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of a file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: Features as stored, expected to be (T, C).

        Raises:
            ValueError: If ``content`` is damaged or of another format; the
                message follows the words "features of video .. at .. must ".
        """

    def read(self,
             path: str,
             video_id: str,
             feat_dim: Optional[int] = None) -> np.ndarray:
        """Read and check the features of one video.

        Args:
            path (str): Local path or URI.
            video_id (str): Name of the video, for messages.
            feat_dim (int, optional): C that the model expects. Defaults to
                None, any.

        Returns:
            ndarray: Finite features, (T, C) float32, T and C at least 1.

        Raises:
            FileNotFoundError: If there is no such file.
            OSError: If the file cannot be read for another reason.
            ValueError: If the file holds anything but finite numbers of
                shape (T, ``feat_dim``).
        """
        content = self._read_bytes(path, video_id)
        try:
            feats = self.decode(content)
            check_features(feats, feat_dim)
            with np.errstate(over='ignore'):
                feats = np.ascontiguousarray(feats, dtype=np.float32)
            check_finite(feats)
        except ValueError as error:
            raise ValueError(f'features of video {video_id!r} at {path!r} '
                             f'must {error}') from error
        return feats

    def _read_bytes(self, path: str, video_id: str) -> bytes:
        """Get the file through MMEngine's backend."""
        missing = missing_features_message(video_id, path)
        try:
            return fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError as error:
            raise FileNotFoundError(missing) from error
        except HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(missing) from error
            raise OSError(_unreadable(video_id, path, error)) from error
        except OSError as error:
            raise OSError(_unreadable(video_id, path, error)) from error


def _unreadable(video_id: str, path: str, error: OSError) -> str:
    """Say that a feature file exists but cannot be read."""
    return (f'features of video {video_id!r} at {path!r} cannot be read: '
            f'{error}; check that it is a file, and your access to it')


def check_features(feats: np.ndarray, feat_dim: Optional[int] = None) -> None:
    """Check kind and shape of stored features.

    Args:
        feats (ndarray): Features of one video, expected to be (T, C).
        feat_dim (int, optional): Expected C. Defaults to None, any.

    Raises:
        ValueError: If ``feats`` is not numeric, not 2-D, empty, or of
            another dimension.
    """
    if feats.dtype.kind not in 'fiu':
        raise ValueError(f'be real numbers, but got dtype {feats.dtype}; '
                         'store them as float16 or float32')
    if feats.ndim != 2:
        raise ValueError(f'have shape (T, C), but got {feats.shape}; store '
                         'one row per time step')
    if 0 in feats.shape:
        raise ValueError('have at least one cell and one channel, but got '
                         f'shape {feats.shape}; extract them again or remove '
                         'the video from the annotations')
    if feat_dim is not None and feats.shape[1] != feat_dim:
        hint = ('; the file seems to be (C, T): transpose it'
                if feats.shape[0] == feat_dim else
                '; set the feature dimension of the config (feat_dim) to that '
                'of the files, or point data_prefix to other features')
        raise ValueError(f'have shape (T, {feat_dim}), but got '
                         f'{feats.shape}{hint}')


def check_finite(feats: np.ndarray) -> None:
    """Check that features hold no NaN and no infinity.

    Args:
        feats (ndarray): Features, (T, C) float32.

    Raises:
        ValueError: If a value is not finite; the first cell is named.
    """
    bad = ~np.isfinite(feats)  # (T, C)
    if not bad.any():
        return
    cell = int(bad.any(axis=1).argmax())
    raise ValueError(f'be finite in float32, but got {int(bad.sum())} NaN or '
                     f'infinite values of {feats.size}, the first in cell '
                     f'{cell} of {len(feats)}; extract them again')


@TASK_UTILS.register_module()
class NpyReader(BaseFeatureReader):
    """Features stored with :func:`numpy.save`, (T, C) of any real dtype.

    Files that hold Python objects are refused, because unpickling them would
    run whatever code they carry.
    """

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of an npy file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: The stored array.

        Raises:
            ValueError: If it is no npy file, damaged, or holds objects.
        """
        if not content.startswith(b'\x93NUMPY'):
            raise ValueError('be an npy file, but got other content of '
                             f'{len(content)} bytes; choose the reader of '
                             'its format')
        try:
            return np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError, MemoryError) as error:
            if 'Object arrays' in str(error):
                raise ValueError(
                    'be an npy file of plain numbers, but got one of Python '
                    'objects, which could run code; save the array inside '
                    'with dtype float32') from error
            raise ValueError(
                f'be a complete npy file, but got {len(content)} bytes that '
                f'end early or are damaged ({error}); copy or extract it '
                'again') from error
