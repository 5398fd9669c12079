"""The layers as their definitions read: loops over numbers in float64.

One video at a time: features are arrays (C, T), masks are arrays (T,).
"""
import math

import numpy as np


def array(parameter):
    return parameter.detach().double().numpy()


def slow_shift(x, num_taps):
    channels, length = x.shape
    out = np.zeros((channels, num_taps, length))
    for c in range(channels):
        for s in range(num_taps):
            for t in range(length):
                source = t + s - num_taps // 2
                if 0 <= source < length:
                    out[c, s, t] = x[c, source]
    return out


def slow_conv(x, conv, groups=1):
    """Convolution that keeps the length; ``conv`` has weight and bias."""
    weight = array(conv.weight)
    out_channels, group_in, num_taps = weight.shape
    bias = np.zeros(out_channels) if conv.bias is None else array(conv.bias)
    length = x.shape[1]
    out = np.zeros((out_channels, length))
    for o in range(out_channels):
        first = o // (out_channels // groups) * group_in
        for t in range(length):
            total = bias[o]
            for i in range(group_in):
                for k in range(num_taps):
                    source = t + k - num_taps // 2
                    if 0 <= source < length:
                        total += weight[o, i, k] * x[first + i, source]
            out[o, t] = total
    return out


def slow_layer_norm(x, norm):
    weight, bias = array(norm.weight), array(norm.bias)
    channels, length = x.shape
    out = np.zeros_like(x)
    for t in range(length):
        mean = sum(x[c, t] for c in range(channels)) / channels
        var = sum((x[c, t] - mean)**2 for c in range(channels)) / channels
        for c in range(channels):
            out[c, t] = (x[c, t] - mean) / math.sqrt(var + 1e-5)
            out[c, t] = out[c, t] * weight[c] + bias[c]
    return out


def slow_group_norm(x, norm, num_groups=16):
    weight, bias = array(norm.weight), array(norm.bias)
    out = np.zeros_like(x)
    size = len(x) // num_groups
    for group in range(num_groups):
        rows = range(group * size, (group + 1) * size)
        values = [x[c, t] for c in rows for t in range(x.shape[1])]
        mean = sum(values) / len(values)
        var = sum((value - mean)**2 for value in values) / len(values)
        for c in rows:
            out[c] = (x[c] - mean) / math.sqrt(var + 1e-5)
            out[c] = out[c] * weight[c] + bias[c]
    return out


def re_tanh(x):
    return max(0., math.tanh(x))


def ge_re_tanh(x, tau=1.5):
    return max(0.,
               (math.tanh(x - tau) + math.tanh(tau)) / (1 + math.tanh(tau)))


def slow_gate(x, mask, conv, formation, num_taps, act):
    """M of the paper for every channel, tap and cell, (C, K, T)."""
    channels, length = x.shape
    groups = 1 if formation == 'k' else channels
    raw = slow_conv(x, conv, groups)
    out = np.zeros((channels, num_taps, length))
    for c in range(channels):
        for s in range(num_taps):
            row = dict(c=c, k=s, ck=c * num_taps + s)[formation]
            for t in range(length):
                out[c, s, t] = act(raw[row, t]) * mask[t]
    return out


def slow_mix(taps, conv):
    """``sum_s W_s taps_s + b`` of taps (C, K, T)."""
    weight, bias = array(conv.weight), array(conv.bias)
    channels, num_taps, length = taps.shape
    out = np.zeros((len(weight), length))
    for o in range(len(weight)):
        for t in range(length):
            out[o, t] = bias[o]
            for s in range(num_taps):
                for c in range(channels):
                    out[o, t] += (
                        weight[o, c * num_taps + s, 0] * taps[c, s, t])
    return out


def slow_dfa_conv(x, mask, layer, formation, num_taps, act=ge_re_tanh):
    gate = slow_gate(x, mask, layer.gate.conv, formation, num_taps, act)
    return slow_mix(gate * slow_shift(x, num_taps), layer.mix) * mask


def slow_scale_path(x, mask, layer, formation, num_taps, act=ge_re_tanh):
    """DFAAtt of TapAttention: A is the gated shifted grid."""
    conv = layer.attention.gate.conv
    shifted = slow_shift(x, num_taps)
    attention = slow_gate(x, mask, conv, formation, num_taps, act) * shifted
    mixed = slow_mix(attention * shifted, layer.mix)
    return slow_layer_norm(mixed, layer.norm) * mask


def slow_depth_path(x, mask, layer, num_taps, act=ge_re_tanh):
    """DFAAtt of ConvAttention: A is a gated convolution of the taps."""
    channels, length = x.shape
    shifted = slow_shift(x, num_taps)
    flat = np.zeros((channels * num_taps, length))
    for c in range(channels):
        for s in range(num_taps):
            flat[c * num_taps + s] = shifted[c, s]
    part = layer.attention
    value = slow_layer_norm(slow_conv(flat, part.conv), part.norm) * mask
    gate = slow_conv(flat, part.gate)[0]
    attended = np.zeros_like(shifted)
    for c in range(channels):
        for s in range(num_taps):
            for t in range(length):
                attention = value[c, t] * act(gate[t]) * mask[t]
                attended[c, s, t] = attention * shifted[c, s, t]
    return slow_layer_norm(slow_mix(attended, layer.mix), layer.norm) * mask


def slow_max_pool(x):
    """Window 3, stride 2, -inf outside the grid."""
    length = x.shape[1]
    starts = range(-1, length - 1, 2)
    out = np.zeros((len(x), len(starts)))
    for j, start in enumerate(starts):
        cells = [t for t in range(start, start + 3) if 0 <= t < length]
        for c in range(len(x)):
            out[c, j] = max(x[c, t] for t in cells)
    return out


def slow_mean_pool(x):
    """Window 2, stride 2; a last cell without a partner stays."""
    starts = range(0, x.shape[1], 2)
    out = np.zeros((len(x), len(starts)))
    for j, start in enumerate(starts):
        for c in range(len(x)):
            cells = [float(value) for value in x[c, start:start + 2]]
            out[c, j] = sum(cells) / len(cells)
    return out


def slow_sgp_layer(x, mask, layer, stride):
    """A DynE layer without the ReLU on the windows."""
    return slow_dyne_layer(x, mask, layer, stride, rectify=False)


def slow_dyne_layer(x, mask, layer, stride, rectify=True):
    """Evaluation mode: nothing is dropped."""
    if stride == 2:
        if getattr(layer, 'downsample', None) is None:
            x = slow_max_pool(x)
        else:
            x = slow_conv(slow_mean_pool(x), layer.downsample)
        mask = mask[::2]
    channels, length = x.shape
    h = slow_layer_norm(x, layer.norm)
    psi, window, wide, fc = (
        slow_conv(h, conv, channels)
        for conv in (layer.psi, layer.window, layer.wide, layer.fc))
    out = np.zeros_like(x)
    for c in range(channels):
        mean = sum(h[c, t] for t in range(length)) / length
        phi = array(layer.phi.weight)[c, 0, 0] * mean + array(
            layer.phi.bias)[c]
        for t in range(length):
            sight = window[c, t] + wide[c, t]
            if rectify:
                sight = max(sight, 0.)
            out[c, t] = fc[c, t] * max(phi, 0.) + sight * psi[c, t] + h[c, t]
    out = x * mask + _scaled(out, layer.drop_path_out)
    hidden = slow_conv(slow_group_norm(out, layer.group_norm), layer.mlp[0])
    for index in np.ndindex(*hidden.shape):
        value = hidden[index]
        hidden[index] = value * 0.5 * (1 + math.erf(value / math.sqrt(2)))
    branch = slow_conv(hidden, layer.mlp[2])
    return out + _scaled(branch, layer.drop_path_mlp), mask


def _scaled(x, branch):
    if not hasattr(branch, 'scale'):
        return x
    scale = array(branch.scale)
    return np.stack([scale[c] * x[c] for c in range(len(x))])


def slow_dy_layer(feats, masks, layer, formation, num_taps):
    gamma, alpha = array(layer.gamma), array(layer.alpha)
    outs = []
    for level, (x, mask) in enumerate(zip(feats, masks)):
        fused = alpha * x
        if level > 0:
            finer = slow_scale_path(feats[level - 1], masks[level - 1],
                                    layer.down, formation, num_taps)
            for t in range(x.shape[1]):
                fused[:, t] += gamma * finer[:, 2 * t]
        if level + 1 < len(feats):
            coarser = slow_scale_path(feats[level + 1], masks[level + 1],
                                      layer.up, formation, num_taps)
            for t in range(x.shape[1]):
                fused[:, t] += gamma * coarser[:, t // 2]
        outs.append(
            np.maximum(
                slow_depth_path(fused, mask, layer.depth, num_taps), 0.))
    return outs
