"""Checks that the features of every format pass."""
from typing import Optional

import numpy as np

#: Bytes of an array that need not fit into its file, as where it is
#: compressed: a few of these can stand for more than any memory holds.
MAX_BYTES = 2**30


def check_size(num_bytes: int, file_bytes: int) -> None:
    """Refuse an array that is much larger than its file, before it is made.

    Args:
        num_bytes (int): Bytes of the array.
        file_bytes (int): Bytes of the file.

    Raises:
        ValueError: If the array exceeds both the file and 1 GiB.
    """
    if num_bytes > max(MAX_BYTES, file_bytes):
        raise ValueError(
            f'need at most {MAX_BYTES} bytes of memory, but got a file of '
            f'{file_bytes} bytes that would become {num_bytes}; extract the '
            'features again, and store one array per video')


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
        hint = (', without the leading axis (NpzReader can squeeze it)'
                if feats.ndim == 3 and len(feats) == 1 else '')
        raise ValueError(f'have shape (T, C), but got {feats.shape}; store '
                         f'one row per time step{hint}')
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
