"""OpenTAD's ActionFormer: model dict, weights, and its rules written out.

For the tests beside this; nothing of the package is used. Shapes: features
(B, C, T), masks (B, 1, T) float.
"""
import torch
import torch.nn.functional as F
from opentad_weights import RANGES
from plain_opentad import PlainOpenTAD, decode


def model_dict(in_channels=24,
               width=32,
               head_width=24,
               num_classes=5,
               arch=(2, 2, 5),
               num_convs=2,
               window=-1,
               head=None,
               conv_cfg=None,
               **projection):
    """OpenTAD's model dict of a small ActionFormer."""
    levels = arch[2] + 1
    return dict(
        type='ActionFormer',
        projection=dict(
            dict(
                type='Conv1DTransformerProj',
                in_channels=in_channels,
                out_channels=width,
                arch=arch,
                conv_cfg=dict(
                    dict(kernel_size=3, proj_pdrop=0.), **(conv_cfg or {})),
                norm_cfg=dict(type='LN'),
                attn_cfg=dict(n_head=4, n_mha_win_size=window),
                path_pdrop=0.1,
                use_abs_pe=False,
                max_seq_len=64), **projection),
        neck=dict(
            type='FPNIdentity',
            in_channels=width,
            out_channels=width,
            num_levels=levels),
        rpn_head=dict(
            dict(
                type='ActionFormerHead',
                num_classes=num_classes,
                in_channels=width,
                feat_channels=head_width,
                num_convs=num_convs,
                cls_prior_prob=0.01,
                prior_generator=dict(
                    type='PointGenerator',
                    strides=[2**level for level in range(levels)],
                    regression_range=RANGES['A'][:levels]),
                loss_normalizer=100,
                loss_normalizer_momentum=0.9,
                center_sample='radius',
                center_sample_radius=1.5,
                label_smoothing=0.,
                loss=dict(
                    cls_loss=dict(type='FocalLoss'),
                    reg_loss=dict(type='DIOULoss'))), **(head or {})))


class OpenTADActionFormerWeights(dict):
    """Random weights named and shaped as OpenTAD saves them."""

    def __init__(self, config):
        super().__init__()
        projection, head = config['projection'], config['rpn_head']
        width, wide = projection['out_channels'], head['feat_channels']
        taps = projection['conv_cfg']['kernel_size']
        for i in range(projection['arch'][0]):
            c_in = width if i else projection['in_channels']
            self.conv(f'projection.embed.{i}.conv', width, c_in, taps, False)
            self.norm(f'projection.embed.{i}.norm', width)
        for part, count in zip(('stem', 'branch'), projection['arch'][1:]):
            for i in range(count):
                self.layer(f'projection.{part}.{i}', width,
                           projection['path_pdrop'] > 0)
        for i in range(projection['arch'][2] + 1):
            self.norm(f'neck.fpn_norms.{i}', width)
            self[f'module.rpn_head.scale.{i}.scale'] = 1 + torch.rand(())
        self['module.rpn_head.loss_normalizer'] = torch.tensor(
            head['loss_normalizer'])
        for tower in ('cls', 'reg'):
            for i in range(head['num_convs']):
                name = f'rpn_head.{tower}_convs.{i}'
                self.conv(f'{name}.conv', wide, wide if i else width, 3, False)
                self.norm(f'{name}.norm', wide)
        self.conv('rpn_head.cls_head', head['num_classes'], wide, 3)
        self.conv('rpn_head.reg_head', 2, wide, 3)

    def conv(self, name, c_out, c_in, num_taps, bias=True):
        std = (c_in * num_taps)**-0.5
        self[f'module.{name}.weight'] = std * torch.randn(
            c_out, c_in, num_taps)
        if bias:
            self[f'module.{name}.bias'] = 0.3 * torch.randn(c_out)

    def norm(self, name, channels):
        self[f'module.{name}.weight'] = 1 + 0.2 * torch.randn(channels)
        self[f'module.{name}.bias'] = 0.5 * torch.randn(channels)

    def layer(self, name, width, scales):
        self.norm(f'{name}.ln1', width)
        self.norm(f'{name}.ln2', width)
        for part in ('query', 'key', 'value'):
            self.conv(f'{name}.attn.{part}_conv.conv', width, 1, 3, False)
            self.norm(f'{name}.attn.{part}_norm', width)
            self.conv(f'{name}.attn.{part}', width, width, 1)
        self.conv(f'{name}.attn.proj', width, width, 1)
        self.conv(f'{name}.mlp.0', 4 * width, width, 1)
        self.conv(f'{name}.mlp.3', width, 4 * width, 1)
        if scales:
            for part in ('drop_path_attn', 'drop_path_mlp'):
                self[f'module.{name}.{part}.scale'] = torch.rand(1, width, 1)


class PlainActionFormer(PlainOpenTAD):
    """ActionFormer in evaluation mode.

    Args:
        config (dict): OpenTAD's model dict.
        weights (dict[str, Tensor]): Its state dict.
    """

    def __call__(self, x, mask):
        feats, masks = self.encode(x, mask[:, None].to(x))
        neck = [
            self.layer_norm(f'neck.fpn_norms.{level}', x, 1e-6)
            for level, x in enumerate(feats)
        ]
        logits, offsets = [], []
        for level, (x, mask) in enumerate(zip(neck, masks)):
            logits.append(
                self.conv('rpn_head.cls_head', self.tower('cls', x, mask)))
            reg = self.conv('rpn_head.reg_head', self.tower('reg', x, mask))
            scale = self.weights[f'rpn_head.scale.{level}.scale']
            offsets.append((reg * scale).relu())
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

    def layer_norm(self, name, x, eps):
        return F.layer_norm(
            x.transpose(1, 2), x.shape[1:2], self.weights[name + '.weight'],
            self.weights[name + '.bias'], eps).transpose(1, 2)

    def module(self, name, x, mask):
        """Convolution, mask, norm, ReLU, and the mask again."""
        x = self.conv(f'{name}.conv', x) * mask
        return self.layer_norm(f'{name}.norm', x, 1e-6).relu() * mask

    def tower(self, name, x, mask):
        for i in range(self.head['num_convs']):
            x = self.module(f'rpn_head.{name}_convs.{i}', x, mask)
        return x

    def encode(self, x, mask):
        for i in range(self.projection['arch'][0]):
            x = self.module(f'projection.embed.{i}', x, mask)
        if self.projection['use_abs_pe']:
            x = x + self.position(x.size(2), x.size(1)).to(x) * mask
        for i in range(self.projection['arch'][1]):
            x = self.layer(f'projection.stem.{i}', x, mask, 1)
        feats, masks = [x], [mask]
        for i in range(self.projection['arch'][2]):
            mask = mask[..., ::2]
            x = self.layer(f'projection.branch.{i}', x, mask, 2)
            feats.append(x)
            masks.append(mask)
        return feats, masks

    def layer(self, name, x, mask, stride):
        """One layer; the mask is that of its output."""
        out = self.attend(f'{name}.attn',
                          self.layer_norm(f'{name}.ln1', x, 1e-5), mask,
                          stride)
        if stride == 2:
            x = F.max_pool1d(x, 3, 2, 1)
        out = x * mask + out * self.weights.get(f'{name}.drop_path_attn.scale',
                                                1.)
        h = self.layer_norm(f'{name}.ln2', out, 1e-5)
        h = self.conv(f'{name}.mlp.3', F.gelu(self.conv(f'{name}.mlp.0', h)))
        return out + h * mask * self.weights.get(f'{name}.drop_path_mlp.scale',
                                                 1.)

    def attend(self, name, x, mask, stride):
        num_heads = self.projection['attn_cfg']['n_head']
        window = self.projection['attn_cfg']['n_mha_win_size']
        parts = []
        for part in ('query', 'key', 'value'):
            h = F.conv1d(
                x,
                self.weights[f'{name}.{part}_conv.conv.weight'],
                stride=stride,
                padding=1,
                groups=x.size(1)) * mask
            h = self.layer_norm(f'{name}.{part}_norm', h, 1e-5)
            h = self.conv(f'{name}.{part}', h)
            parts.append(h.unflatten(1, (num_heads, -1)).transpose(2, 3))
        query, key, value = parts
        scores = query @ key.transpose(2, 3) / query.size(3)**0.5
        steps = torch.arange(mask.size(2))
        near = (steps - steps[:, None]).abs() <= window // 2
        seen = mask[:, :, None].bool() & (near | (window < 2))
        weights = scores.masked_fill(~seen, -1e30).softmax(3)
        out = (weights @ value).transpose(2, 3).flatten(1, 2)
        return self.conv(f'{name}.proj', out) * mask
