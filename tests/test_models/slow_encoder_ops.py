"""The Ops of the encoder as their definitions read: loops over numbers.

One video at a time in float64: features are arrays (C, T), masks (T,). An Op
takes features, mask and layer, and returns features (C_out, T') and mask.
"""
import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_layers import array, ge_re_tanh

from dyfadet_mm.structures import Cells


def read(x, c, t):
    """Zero outside the grid."""
    return x[c, t] if 0 <= t < x.shape[1] else 0.


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def softmax(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def mix(weight, bias, taps):
    """``b_o + sum_{c, s} W[o, c, s] taps(c, s)`` for every o."""
    out_channels, channels, num_taps = weight.shape
    return [
        bias[o] + sum(weight[o, c, s] * taps(c, s) for c in range(channels)
                      for s in range(num_taps)) for o in range(out_channels)
    ]


def over_time(x, mask, stride, cell):
    """Outputs ``cell(i)`` at valid cells and zero at others, with a mask."""
    out_mask = mask[::stride]
    columns = [cell(i) for i in range(len(out_mask))]
    return np.array(columns).T * out_mask, out_mask


def slow_plain_conv(x, mask, op):
    weight, bias = array(op.weight), array(op.bias)
    stride, middle = op.stride[0], weight.shape[2] // 2
    return over_time(
        x, mask, stride, lambda i: mix(
            weight, bias, lambda c, s: read(x, c, stride * i + s - middle)))


def slow_deform_conv(x, mask, op):
    x = x * mask
    stride, middle = op.stride, op.kernel_size // 2
    shift, shift_bias = array(op.offset.weight), array(op.offset.bias)

    def between(c, position):
        left = math.floor(position)
        part = position - left
        return (1 - part) * read(x, c, left) + part * read(x, c, left + 1)

    def cell(i):
        start = stride * i - middle
        moves = mix(shift, shift_bias, lambda c, s: read(x, c, start + s))
        return mix(
            array(op.conv.weight), array(op.conv.bias),
            lambda c, s: between(c, start + s + moves[s]))

    return over_time(x, mask, stride, cell)


def slow_td3d_conv(x, mask, op):
    channels, length = x.shape
    valid = [t for t in range(length) if mask[t]]
    summary = np.zeros(channels)
    if valid:
        score = array(op.attention.weight)[0]
        scores = [
            sum(score[c] * x[c, t] for c in range(channels)) for t in valid
        ]
        for share, t in zip(softmax(scores), valid):
            summary += share * x[:, t]
    weight, bias = array(op.modulation.weight), array(op.modulation.bias)
    scaled = np.zeros_like(x)
    for c in range(channels):
        raw = bias[c] + sum(weight[c, j] * summary[j] for j in range(channels))
        scaled[c] = 2 * sigmoid(raw) * x[c]
    return slow_deform_conv(scaled, mask, op)


def slow_dynamic_conv(x, mask, op):
    x = x * mask
    stride, num_taps = op.stride, op.kernel_size
    value, bias = array(op.value.weight), array(op.bias)
    kernel, kernel_bias = array(op.kernel.weight), array(op.kernel.bias)
    num_out, channels = value.shape
    group_size = num_out // op.num_groups

    def cell(i):
        out = []
        for c in range(num_out):
            first = c // group_size * num_taps
            weights = softmax([
                kernel_bias[first + s] +
                sum(kernel[first + s, j] * read(x, j, stride * i)
                    for j in range(channels)) for s in range(num_taps)
            ])
            total = bias[c]
            for s in range(num_taps):
                t = stride * i + s - num_taps // 2
                total += weights[s] * sum(value[c, j] * read(x, j, t)
                                          for j in range(channels))
            out.append(total)
        return out

    return over_time(x, mask, stride, cell)


def slow_dfa_conv_op(x, mask, op, formation, tau=1.5):
    x = x * mask
    stride, num_taps = op.stride, op.kernel_size
    gate, gate_bias = array(op.gate.conv.weight), array(op.gate.conv.bias)
    channels = len(x)
    flat, bias = array(op.mix.weight)[..., 0], array(op.mix.bias)
    weight = np.zeros((len(flat), channels, num_taps))
    for c in range(channels):  # stored channel by channel
        for s in range(num_taps):
            weight[:, c, s] = flat[:, c * num_taps + s]

    def cell(i):
        start = stride * i - num_taps // 2

        def opened(c, s):
            row = dict(c=c, k=s, ck=c * num_taps + s)[formation]
            sources = range(channels) if formation == 'k' else [c]
            raw = gate_bias[row]
            for j, source in enumerate(sources):
                for k in range(num_taps):
                    raw += gate[row, j, k] * read(x, source, start + k)
            return ge_re_tanh(raw, tau)

        return mix(weight, bias,
                   lambda c, s: opened(c, s) * read(x, c, start + s))

    return over_time(x, mask, stride, cell)


def slow_squeeze(x, mask, layer):
    channels, length = x.shape
    valid = [t for t in range(length) if mask[t]]
    mean = [
        sum(x[c, t] for t in valid) / max(len(valid), 1)
        for c in range(channels)
    ]
    reduce, expand = array(layer.reduce.weight), array(layer.expand.weight)
    hidden = [
        max(0., bias + sum(row[c] * mean[c] for c in range(channels)))
        for row, bias in zip(reduce, array(layer.reduce.bias))
    ]
    out = np.zeros_like(x)
    for c, bias in enumerate(array(layer.expand.bias)):
        raw = bias + sum(expand[c, j] * hidden[j] for j in range(len(hidden)))
        out[c] = sigmoid(raw) * x[c]
    return out


def slow_conv_layer(x, mask, layer, slow_op):
    y, out_mask = slow_op(x, mask, layer.conv1)
    y, _ = slow_op(np.maximum(y, 0.), out_mask, layer.conv2)
    if layer.squeeze is not None:
        y = slow_squeeze(y, out_mask, layer.squeeze)
    if layer.shortcut is not None:
        x, _ = slow_plain_conv(x, mask, layer.shortcut)
    return np.maximum(y + x, 0.), out_mask


def any_case(**kwargs):
    """Lengths, numbers of valid cells, strides and kernels of all kinds."""

    def decorate(test):
        return settings(
            deadline=None, derandomize=True, max_examples=25)(
                given(
                    length=st.integers(1, 11),
                    valid=st.integers(0, 11),
                    seed=st.integers(0, 99),
                    **kwargs)(test))

    return decorate


def make_input(channels, length, valid, seed):
    """Two videos and cells, the first of all cells; padding is not zero."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(
        2, channels, length, generator=generator, dtype=torch.float64)
    return x, Cells.of([length, min(valid, length)], length, 'cpu')


def assert_equals(layer, slow, x, cells):
    """Both videos come out as the loops say."""
    out = layer(x, cells)
    out_mask = cells.at(np.max(layer.stride)).mask  # or a tuple of one
    for video in range(len(x)):
        mask = cells.mask[video, 0].numpy()
        expected, expected_mask = slow(x[video].numpy(), mask, layer)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))
        assert out_mask[video, 0].tolist() == expected_mask.tolist()
