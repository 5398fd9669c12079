"""Backbones of MMAction2, taken apart into stages.

What lies between two stages are maps (N, t, h, w, C) of N clips.
"""
from typing import List, Union

import torch.nn.functional as F
from torch import Tensor, nn


def stages_of(backbone: nn.Module) -> List[nn.Module]:
    """Stages of a CNN, or blocks of a transformer.

    Args:
        backbone (nn.Module): Any backbone of MMAction2.

    Returns:
        list[nn.Module]: In their order; none if it does not tell.
    """
    names = getattr(backbone, 'res_layers', None)
    if names is not None:
        return [getattr(backbone, name) for name in names]
    for name in ('blocks', 'layers'):
        modules = getattr(backbone, name, None)
        if isinstance(modules, (nn.ModuleList, nn.Sequential)):
            return list(modules)
    return []


class ViTStages:
    """A ``VisionTransformer`` of VideoMAE, block by block.

    Args:
        backbone (nn.Module): The transformer.
    """

    def __init__(self, backbone: nn.Module) -> None:
        self.backbone = backbone
        self.stages = list(backbone.blocks)
        self.channels = [backbone.embed_dims] * len(self.stages)
        #: Modules that hold the adapters, by their names as published.
        self.holders = self.stages

    def stem(self, clips: Tensor) -> Tensor:
        """Embed patches and add their positions.

        Args:
            clips (Tensor): (N, 3, T, H, W).

        Returns:
            Tensor: Maps.

        Raises:
            ValueError: If there are positions for another number of frames.
        """
        net = self.backbone
        height, width = (size // net.patch_size for size in clips.shape[3:])
        tokens = net.patch_embed(clips)[0].unflatten(1, (-1, height, width))
        positions = net.pos_embed.unflatten(1, (-1, *net.grid_size))
        if positions.size(1) != tokens.size(1):
            tubelet = clips.size(2) // tokens.size(1)
            raise ValueError(
                'clip_len must be the num_frames of the backbone, '
                f'{tubelet * positions.size(1)}, but got {clips.size(2)}')
        if positions.shape[2:4] != (height, width):
            images = positions[0].permute(0, 3, 1, 2)  # (t, C, h', w')
            images = F.interpolate(
                images, (height, width), mode='bicubic', align_corners=False)
            positions = images.permute(0, 2, 3, 1)[None]
        return net.pos_drop(tokens + positions)

    def stage(self, index: int, maps: Tensor) -> Tensor:
        """Run one block."""
        return self.stages[index](maps.flatten(1, 3)).view_as(maps)

    def end(self, maps: Tensor) -> Tensor:
        """The output of the backbone, (N, C, t, h, w)."""
        return self.backbone.norm(maps).movedim(-1, 1)


class ResNet3dStages:
    """A ``ResNet3d`` or one of its kind, stage by stage.

    Args:
        backbone (nn.Module): The CNN.

    Raises:
        ValueError: If it gives several outputs.
    """

    def __init__(self, backbone: nn.Module) -> None:
        from mmaction.models.backbones.resnet2plus1d import ResNet2Plus1d
        self.backbone = backbone
        self.stages = stages_of(backbone)
        last = len(self.stages) - 1
        if tuple(backbone.out_indices) != (last, ):
            raise ValueError(
                f'out_indices must be ({last},), the last stage, for adapters '
                f'and checkpoint_blocks, but got {backbone.out_indices}')
        first = backbone.block.expansion * backbone.base_channels
        self.channels = [first * 2**i for i in range(len(self.stages))]
        # a stage is an nn.Sequential, which would call what it holds
        self.holders = [stage[-1] for stage in self.stages]
        # R(2+1)D has the setting, but does not use it
        self.pools = backbone.with_pool2 and not isinstance(
            backbone, ResNet2Plus1d)

    def stem(self, clips: Tensor) -> Tensor:
        """Run what lies before the stages; see :meth:`ViTStages.stem`."""
        x = self.backbone.conv1(clips)
        if self.backbone.with_pool1:
            x = self.backbone.maxpool(x)
        return x.movedim(1, -1)

    def stage(self, index: int, maps: Tensor) -> Tensor:
        """Run one stage."""
        x = self.stages[index](maps.movedim(-1, 1))
        if index == 0 and self.pools:
            x = self.backbone.pool2(x)
        return x.movedim(1, -1)

    def end(self, maps: Tensor) -> Tensor:
        """The output of the backbone, (N, C, t, h, w)."""
        return maps.movedim(-1, 1)


def take_apart(backbone: nn.Module) -> Union[ViTStages, ResNet3dStages]:
    """Take a backbone apart.

    Args:
        backbone (nn.Module): Any backbone.

    Returns:
        ViTStages | ResNet3dStages: Its stages.

    Raises:
        ValueError: If it is of another kind, or gives several outputs.
    """
    from mmaction.models.backbones.resnet3d import ResNet3d
    from mmaction.models.backbones.vit_mae import VisionTransformer
    if isinstance(backbone, VisionTransformer):
        return ViTStages(backbone)
    if isinstance(backbone, ResNet3d):
        return ResNet3dStages(backbone)
    raise ValueError(
        'backbone must be a VisionTransformer of VideoMAE or a ResNet3d of '
        'MMAction2 for adapters and checkpoint_blocks, but got '
        f'{type(backbone).__name__}')
