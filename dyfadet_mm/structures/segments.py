"""Temporal segments: overlap, and the two units they come in.

A segment is (start, end), in seconds or on the feature grid, where cell ``t``
sees the ``feat_num_frames`` frames that begin at frame ``t * feat_stride``.
"""
from typing import Optional, Union

import numpy as np
import torch
from torch import Tensor

Array = Union[Tensor, np.ndarray]


def segment_iou(segments1: Tensor, segments2: Tensor) -> Tensor:
    """tIoU of every pair of segments.

    Args:
        segments1 (Tensor): (start, end) in any unit, (N, 2).
        segments2 (Tensor): (start, end) in the same unit, (M, 2).

    Returns:
        Tensor: Values in [0, 1], 0 for an empty union, (N, M).
    """
    start = torch.maximum(segments1[:, None, 0], segments2[None, :, 0])
    end = torch.minimum(segments1[:, None, 1], segments2[None, :, 1])
    inter = (end - start).clamp(min=0)  # (N, M)
    length1 = (segments1[:, 1] - segments1[:, 0])[:, None]  # (N, 1)
    length2 = (segments2[:, 1] - segments2[:, 0])[None]  # (1, M)
    union = length1 + length2 - inter  # (N, M)
    return torch.where(union > 0, inter / union, 0.)


def offset_iou(pred: Tensor, target: Tensor, eps: float = 1e-8) -> Tensor:
    """tIoU of segments that share a point.

    Args:
        pred (Tensor): Offsets (left, right), not negative, (P, 2).
        target (Tensor): Offsets in the same unit, (P, 2).
        eps (float): Smallest union. Defaults to 1e-8.

    Returns:
        Tensor: tIoU of every pair, (P,).
    """
    inter = torch.minimum(pred, target).sum(1)
    union = pred.sum(1) + target.sum(1) - inter
    return inter / union.clamp(min=eps)


def seconds_to_grid(segments: Array, fps: float, feat_stride: float,
                    feat_num_frames: float) -> Array:
    """Convert seconds to positions on the feature grid.

    A cell stands for the centre of its window, so that slightly negative
    positions are possible; they are kept.

    Args:
        segments (Tensor or ndarray): Times in seconds, any shape.
        fps (float): Frames per second.
        feat_stride (float): Frames between two cells.
        feat_num_frames (float): Frames one cell has seen.

    Returns:
        Tensor or ndarray: Grid positions, of the kind and shape of
        ``segments``.
    """
    return (segments * fps - 0.5 * feat_num_frames) / feat_stride


def grid_to_seconds(segments: Array,
                    fps: float,
                    feat_stride: float,
                    feat_num_frames: float,
                    duration: Optional[float] = None) -> Array:
    """Convert positions on the feature grid to seconds.

    Args:
        segments (Tensor or ndarray): Grid positions, any shape.
        fps (float): Frames per second.
        feat_stride (float): Frames between two cells.
        feat_num_frames (float): Frames one cell has seen.
        duration (float, optional): Seconds; results are clamped to
            [0, ``duration``]. Defaults to None, which clamps nothing.

    Returns:
        Tensor or ndarray: Seconds, of the kind and shape of ``segments``.
    """
    seconds = (segments * feat_stride + 0.5 * feat_num_frames) / fps
    if duration is None:
        return seconds
    return seconds.clip(0, duration)
