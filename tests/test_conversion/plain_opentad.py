"""OpenTAD's DyFADet written straight from its rules, for the tests beside.

Functions over its own state dict, on every cell and level by level; nothing
of the package is used. Shapes: features (B, C, T), masks (B, 1, T) float.
"""
import math

import torch
import torch.nn.functional as F

EPS = 1e-6


class PlainOpenTAD:
    """DyFADet in evaluation mode.

    Args:
        config (dict): OpenTAD's model dict.
        weights (dict[str, Tensor]): Its state dict.
    """

    def __init__(self, config, weights):
        self.projection, self.head = config['projection'], config['rpn_head']
        self.weights = {
            name.replace('module.', '', 1): value
            for name, value in weights.items()
        }

    def __call__(self, x, mask):
        """Outputs under the names of the golden file; masks (B, T) bool."""
        feats, masks = self.encode(x, mask[:, None].to(x))
        neck = [
            self.norm(f'neck.fpn_norms.{level}', x)
            for level, x in enumerate(feats)
        ]
        cls_feats = reg_feats = neck
        for layer in range(self.head['num_convs']):
            cls_feats = self.dynamic(f'rpn_head.cls_convs.{layer}', cls_feats,
                                     masks)
            reg_feats = self.dynamic(f'rpn_head.reg_convs.{layer}', reg_feats,
                                     masks)
        logits = [self.conv('rpn_head.cls_head', x) for x in cls_feats]
        offsets = [(self.conv('rpn_head.reg_head', x) *
                    self.weights[f'rpn_head.scale.{level}.scale']).relu()
                   for level, x in enumerate(reg_feats)]
        masks = [mask[:, 0].bool() for mask in masks]
        proposals, scores = decode(logits, offsets, masks)
        return dict(
            projection=feats,
            pyramid_masks=masks,
            neck=neck,
            cls_logits=logits,
            offsets=offsets,
            proposals=proposals,
            scores=scores)

    def conv(self, name, x, groups=1):
        weight = self.weights[name + '.weight']
        return F.conv1d(
            x,
            weight,
            self.weights.get(name + '.bias'),
            padding=weight.size(2) // 2,
            groups=groups)

    def norm(self, name, x):
        """LayerNorm over the channels."""
        x = x.transpose(1, 2)
        return F.layer_norm(x, x.shape[2:], self.weights[name + '.weight'],
                            self.weights[name + '.bias'], EPS).transpose(1, 2)

    def encode(self, x, mask):
        for i in range(self.projection['arch'][0]):
            name = f'projection.embed.{i}'
            x = self.conv(name + '.conv', x) * mask
            x = self.norm(name + '.norm', x).relu() * mask
        if self.projection['use_abs_pe']:
            x = x + self.position(x.size(2), x.size(1)) * mask
        for i in range(self.projection['arch'][1]):
            x = self.dyne(f'projection.stem.{i}', x, mask)
        feats, masks = [x], [mask]
        for i in range(self.projection['arch'][2]):
            mask = F.max_pool1d(mask, 3, 2, 1)
            x = F.max_pool1d(x, 3, 2, 1)
            x = self.dyne(f'projection.branch.{i}', x, mask)
            feats.append(x)
            masks.append(mask)
        return feats, masks

    def position(self, length, channels):
        rows = self.projection['max_seq_len']
        table = torch.tensor([[(math.cos if j % 2 else math.sin)(
            t / 10000**(2 * (j // 2) / channels)) for t in range(rows)]
                              for j in range(channels)])[None] / channels**0.5
        if length >= rows:
            table = F.interpolate(table, length, mode='linear')
        return table[..., :length]

    def dyne(self, name, x, mask):
        h = self.norm(name + '.ln', x)

        def depthwise(part, x):
            return self.conv(f'{name}.{part}', x, x.size(1))

        phi = depthwise('global_fc', h.mean(2, keepdim=True)).relu()
        out = depthwise('fc', h) * phi + depthwise('psi', h) * (
            depthwise('convw', h) + depthwise('convkw', h)).relu() + h
        out = x * mask + out * self.weights.get(f'{name}.drop_path_out.scale',
                                                1.)
        hidden = F.group_norm(out, 16, self.weights[name + '.gn.weight'],
                              self.weights[name + '.gn.bias'], EPS)
        hidden = F.gelu(self.conv(name + '.mlp.0', hidden))
        hidden = self.conv(name + '.mlp.2', hidden)
        return out + hidden * self.weights.get(f'{name}.drop_path_mlp.scale',
                                               1.)

    def dynamic(self, name, feats, masks):
        """One layer of a tower: fuse the levels, then the depth path."""
        outs = []
        for level, (x, mask) in enumerate(zip(feats, masks)):
            near = 0.
            if level > 0:
                finer = self.scale_path(f'{name}.dynamic_convs.0',
                                        feats[level - 1], masks[level - 1])
                near = near + F.interpolate(finer, x.size(2))
            if level + 1 < len(feats):
                coarser = self.scale_path(f'{name}.dynamic_convs.1',
                                          feats[level + 1], masks[level + 1])
                near = near + F.interpolate(coarser, x.size(2))
            x = (
                near * self.weights[name + '.scale_weight'] +
                x * self.weights[name + '.output_weight'])
            outs.append(
                self.depth_path(f'{name}.depth_module', x, mask).relu())
        return outs

    def shift(self, x):
        """Shifted grid, channel-major, (B, C * K, T)."""
        size = self.head['head_kernel_size']
        padded = F.pad(x, (size // 2, size // 2))
        return padded.unfold(2, size, 1).transpose(2, 3).flatten(1, 2)

    def activate(self, kind, x):
        tau = self.head['dyn_head_cfg']['tau']
        if kind == 'GeReTanH':
            floor = math.tanh(tau)
            return (((x - tau).tanh() + floor) / (1 + floor)).relu()
        return x.tanh().relu()  # ReTanH

    def mix(self, name, attended, mask):
        return self.norm(name + '.norm', self.conv(name + '.conv',
                                                   attended)) * mask

    def scale_path(self, name, x, mask):
        gate = self.conv(name + '.kernel_conv.gate_conv', x, x.size(1))
        gate = self.activate('GeReTanH', gate) * mask
        if self.head['dyn_head_cfg']['dyn_type'] == 'c':
            gate = gate.repeat_interleave(self.head['head_kernel_size'], 1)
        return self.mix(name, gate * self.shift(x)**2, mask)

    def depth_path(self, name, x, mask):
        shifted = self.shift(x)
        value = self.norm(name + '.kernel_conv.norm',
                          self.conv(name + '.kernel_conv.conv', shifted))
        gate = self.activate(
            self.head['dyn_head_cfg']['type'],
            self.conv(name + '.kernel_conv.gate.gate_conv', shifted))
        attention = value * gate * mask
        attention = attention.repeat_interleave(self.head['head_kernel_size'],
                                                1)
        return self.mix(name, attention * shifted, mask)


def decode(logits, offsets, masks):
    """Segments on the feature grid and scores of valid points, per video."""
    proposals, scores = [], []
    for video in range(len(masks[0])):
        segments = []
        for level, (offset, mask) in enumerate(zip(offsets, masks)):
            stride = 2**level
            for t in mask[video].nonzero()[:, 0].tolist():
                left, right = (offset[video, :, t] * stride).tolist()
                segments.append([t * stride - left, t * stride + right])
        proposals.append(torch.tensor(segments, dtype=offsets[0].dtype))
        scores.append(
            torch.cat([
                logit[video][:, mask[video]].sigmoid().t()
                for logit, mask in zip(logits, masks)
            ]))
    return proposals, scores
