"""Weights as the published code saves them, for the tests beside this."""
import torch


class PublishedWeights(dict):
    """Random weights named and shaped as the published code saves them.

    Written down from its checkpoints, module by module.
    """

    def __init__(self,
                 width=16,
                 head_width=32,
                 num_taps=3,
                 depth=3,
                 dyn_type='c',
                 neck='identity',
                 static=False,
                 drop_path=True):
        super().__init__()
        self.drop_path = drop_path
        self.num_taps, self.dyn_type = num_taps, dyn_type
        self.encoder(width)
        self.neck(width, neck)
        for head in ('cls_head', 'reg_head'):
            for layer in range(depth - 1):
                c_in = head_width if layer else width
                if static:
                    self.conv(
                        f'{head}.head.{layer}.conv',
                        head_width,
                        c_in,
                        num_taps,
                        bias=False)
                    self.norm(f'{head}.norm.{layer}', head_width)
                else:
                    self.dynamic(f'{head}.head.{layer}', c_in, head_width)
        self.conv('cls_head.cls_head.conv', 3, head_width, num_taps)
        self.conv('reg_head.offset_head.conv', 2, head_width, num_taps)
        for level in range(3):
            self[f'reg_head.scale.{level}.scale'] = torch.randn(())

    def conv(self, name, c_out, c_in, num_taps, bias=True):
        self[f'{name}.weight'] = torch.randn(c_out, c_in, num_taps)
        if bias:
            self[f'{name}.bias'] = torch.randn(c_out)

    def norm(self, name, channels, shape=(1, -1, 1)):
        self[f'{name}.weight'] = torch.randn(channels).reshape(shape)
        self[f'{name}.bias'] = torch.randn(channels).reshape(shape)

    def encoder(self, width):
        for i in range(2):
            self.conv(
                f'backbone.embd.{i}.conv',
                width,
                width if i else 6,
                3,
                bias=False)
            self.norm(f'backbone.embd_norm.{i}', width)
        for name in ('stem.0', 'branch.0', 'branch.1'):
            name = f'backbone.{name}'
            window, wide = (5, 9) if 'branch' in name else (1, 3)
            self.norm(f'{name}.ln', width)
            self.norm(f'{name}.gn', width, (-1, ))
            for part, size in dict(
                    psi=window, convw=window, convkw=wide, fc=1,
                    global_fc=1).items():
                self.conv(f'{name}.{part}', width, 1, size)
            self.conv(f'{name}.mlp.0', 24, width, 1)
            self.conv(f'{name}.mlp.2', width, 24, 1)
            if self.drop_path and 'branch' in name:
                for part in ('drop_path_out', 'drop_path_mlp'):
                    self[f'{name}.{part}.scale'] = torch.randn(1, width, 1)

    def neck(self, width, kind):
        for level in range(3):
            self.norm(f'neck.fpn_norms.{level}', width)
            if kind == 'fpn':
                self.conv(
                    f'neck.lateral_convs.{level}.conv',
                    width,
                    width,
                    1,
                    bias=False)
                self.conv(
                    f'neck.fpn_convs.{level}.conv', width, 1, 3, bias=False)

    def attend(self, name, c_in, c_out):
        """What every DFA module holds: shift kernels, 1x1 conv, norm."""
        taps = c_in * self.num_taps
        self[f'{name}.shift_conv.weight'] = torch.zeros(taps, 1, self.num_taps)
        self.conv(f'{name}.conv', c_out, taps, 1)
        self.norm(f'{name}.norm', c_out)

    def dynamic(self, name, c_in, c_out):
        self[f'{name}.scale_weight'] = torch.randn(1)
        self[f'{name}.output_weight'] = torch.randn(1)
        self.norm(f'{name}.norm', c_out)  # of no use
        taps = c_in * self.num_taps
        for i in range(2):
            path = f'{name}.dynamic_convs.{i}'
            self.attend(path, c_in, c_in)
            gates, group = dict(
                c=(c_in, 1), k=(self.num_taps, c_in),
                ck=(taps, 1))[self.dyn_type]
            self.conv(f'{path}.kernel_conv.gate_conv', gates, group,
                      self.num_taps)
        path = f'{name}.depth_module'
        self.attend(path, c_in, c_out)
        self.conv(f'{path}.kernel_conv.convs.0', c_in, taps, self.num_taps)
        self.norm(f'{path}.kernel_conv.convs.1', c_in)
        self.conv(f'{path}.kernel_conv.gate.gate_conv', 1, taps, self.num_taps)
