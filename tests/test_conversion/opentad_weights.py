"""Model dicts and weights as OpenTAD has them, for the tests beside this."""
import torch

RANGES = dict(
    A=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
    B=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
    C=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 128), (128, 10000)])


def model_dict(in_channels=24,
               width=32,
               head_width=32,
               num_classes=5,
               arch=(2, 2, 5),
               ranges='A',
               head=None,
               dyn_head=None,
               **projection):
    """OpenTAD's model dict of a small DyFADet."""
    levels = arch[2] + 1
    return dict(
        type='DyFADet',
        projection=dict(
            dict(
                type='DynEProj',
                in_channels=in_channels,
                out_channels=width,
                arch=arch,
                use_abs_pe=False,
                max_seq_len=128,
                mlp_dim=48,
                encoder_win_size=1,
                k=5,
                init_conv_vars=0.3,
                path_pdrop=0.1,
                input_noise=0.), **projection),
        neck=dict(
            type='FPNIdentity',
            in_channels=width,
            out_channels=width,
            num_levels=levels),
        rpn_head=dict(
            dict(
                type='TDynHead',
                num_classes=num_classes,
                in_channels=width,
                feat_channels=head_width,
                num_convs=2,
                head_kernel_size=3,
                dyn_head_cfg=dict(
                    dict(tau=1.5, init_gate=1., type='GeReTanH', dyn_type='c'),
                    **(dyn_head or {})),
                cls_prior_prob=0.01,
                prior_generator=dict(
                    type='PointGenerator',
                    strides=[2**level for level in range(levels)],
                    regression_range=RANGES[ranges]),
                loss_normalizer=100,
                loss_normalizer_momentum=0.9,
                center_sample='radius',
                center_sample_radius=1.5,
                label_smoothing=0.,
                loss=dict(
                    cls_loss=dict(type='FocalLoss'),
                    reg_loss=dict(type='DIOULoss'))), **(head or {})))


class OpenTADWeights(dict):
    """Random weights named and shaped as OpenTAD saves them.

    Written down from its checkpoints, module by module.
    """

    def __init__(self, config):
        super().__init__()
        projection, head = config['projection'], config['rpn_head']
        width, wide = projection['out_channels'], head['feat_channels']
        self.num_taps = head['head_kernel_size']
        self.dyn_type = head['dyn_head_cfg']['dyn_type']
        for i in range(projection['arch'][0]):
            c_in = width if i else projection['in_channels']
            self.conv(f'projection.embed.{i}.conv', width, c_in, 3, bias=False)
            self.norm(f'projection.embed.{i}.norm', width)
        for i in range(projection['arch'][1]):
            self.dyne(f'projection.stem.{i}', projection, 1, False)
        for i in range(projection['arch'][2]):
            self.dyne(f'projection.branch.{i}', projection,
                      projection['encoder_win_size'], projection['path_pdrop']
                      > 0)
            self.norm(f'neck.fpn_norms.{i}', width)
        self.norm(f"neck.fpn_norms.{projection['arch'][2]}", width)
        self['module.rpn_head.loss_normalizer'] = torch.tensor(
            head['loss_normalizer'])
        for layer in range(head['num_convs']):
            c_in = wide if layer else width
            self.dynamic(f'rpn_head.cls_convs.{layer}', c_in, wide)
            self.dynamic(f'rpn_head.reg_convs.{layer}', c_in, wide)
        c_in = wide if head['num_convs'] else width
        self.conv('rpn_head.cls_head', head['num_classes'], c_in,
                  self.num_taps)
        self.conv('rpn_head.reg_head', 2, c_in, self.num_taps)
        for level in range(projection['arch'][2] + 1):
            self[f'module.rpn_head.scale.{level}.scale'] = 1 + torch.rand(())

    def conv(self, name, c_out, c_in, num_taps, bias=True, mean=0.):
        std = (c_in * num_taps)**-0.5
        self[f'module.{name}.weight'] = std * torch.randn(
            c_out, c_in, num_taps)
        if bias:
            self[f'module.{name}.bias'] = mean + 0.3 * torch.randn(c_out)

    def norm(self, name, channels):
        self[f'module.{name}.weight'] = 1 + 0.2 * torch.randn(channels)
        self[f'module.{name}.bias'] = 0.2 * torch.randn(channels)

    def dyne(self, name, projection, window, scales):
        width, hidden = projection['out_channels'], projection['mlp_dim']
        wide = round((window + 1) * projection['k'])
        wide += 1 - wide % 2
        self.norm(f'{name}.ln', width)
        self.norm(f'{name}.gn', width)
        for part, size in dict(
                psi=window, convw=window, convkw=wide, fc=1,
                global_fc=1).items():
            self.conv(f'{name}.{part}', width, 1, size)
        self.conv(f'{name}.mlp.0', hidden or 4 * width, width, 1)
        self.conv(f'{name}.mlp.2', width, hidden or 4 * width, 1)
        if scales:
            for part in ('drop_path_out', 'drop_path_mlp'):
                self[f'module.{name}.{part}.scale'] = torch.rand(1, width, 1)

    def attend(self, name, c_in, c_out):
        """What both kinds of paths hold: shift kernels, 1x1 conv, norm."""
        taps = c_in * self.num_taps
        self[f'module.{name}.shift_conv.weight'] = torch.eye(
            self.num_taps)[:, None].repeat(c_in, 1, 1)
        self.conv(f'{name}.conv', c_out, taps, 1)
        self.norm(f'{name}.norm', c_out)

    def dynamic(self, name, c_in, c_out):
        self[f'module.{name}.scale_weight'] = 0.5 + torch.rand(1)
        self[f'module.{name}.output_weight'] = 0.5 + torch.rand(1)
        taps = c_in * self.num_taps
        for i in range(2):
            path = f'{name}.dynamic_convs.{i}'
            self.attend(path, c_in, c_in)
            gates = dict(c=c_in, ck=taps)[self.dyn_type]
            self.conv(
                f'{path}.kernel_conv.gate_conv',
                gates,
                1,
                self.num_taps,
                mean=1.5)
        path = f'{name}.depth_module.kernel_conv'
        self.attend(f'{name}.depth_module', c_in, c_out)
        self.conv(f'{path}.conv', c_in, taps, self.num_taps)
        self.norm(f'{path}.norm', c_in)
        self.conv(f'{path}.gate.gate_conv', 1, taps, self.num_taps, mean=1.5)
