"""Count the operations, parameters and activations of a model.

    python tools/analysis_tools/get_flops.py CONFIG --length 2304

A multiplication with its addition counts as one operation, as in the tools of
the same name of MMAction2 and MMDetection. What is counted is the network:
encoder, neck and head, for a video without padding, and the frame encoder of a
detector that reads frames. Convolutions that are zero with the weights of a
config's start (init_std=0) are not computed and not counted.
"""
import argparse
from typing import Optional, Sequence, Tuple

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import nn

from dyfadet_mm.engine import merge_options
from dyfadet_mm.registry import MODELS

LINE = '=' * 30


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--shape',
        '--length',
        type=int,
        nargs='+',
        metavar='N',
        help='of the features: T, or C T, or B C T (default: T is '
        'max_seq_len,\nC is in_channels of the encoder, B is 1); of frames: '
        'T k H W,\ncells, frames of a cell, height and width')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5')
    return parser.parse_args(args)


def input_shape(model: nn.Module, shape: Sequence[int]) -> Tuple[int, ...]:
    """The shape of features or frames, completed by what the model says.

    Args:
        model (nn.Module): The detector.
        shape (Sequence[int]): T, or C and T, or B, C and T; or nothing. Of
            frames, T, k, H and W.

    Returns:
        tuple[int]: B, C and T; of frames 1, 3, T, k, H and W.

    Raises:
        ValueError: If it is none of these, or the model does not say.
    """
    if getattr(model, 'encoder', None) is not None:
        if len(shape) != 4 or min(shape) < 1:
            raise ValueError('--shape must be T k H W of the frames that the '
                             'model reads, cells, frames of a cell, height '
                             f'and width, but got {list(shape)}')
        return (1, 3, *shape)
    known = [
        1,
        getattr(model.backbone, 'in_channels', None),
        getattr(model.data_preprocessor, 'max_seq_len', None)
    ]
    if len(shape) > len(known) or any(size < 1 for size in shape):
        raise ValueError('--shape must be T, or C T, or B C T, all at least '
                         f'1, but got {list(shape)}')
    sizes = (*known[:len(known) - len(shape)], *shape)
    if None in sizes:
        raise ValueError('--shape must be C T for a model whose config has '
                         'no model.backbone.in_channels or no max_seq_len, '
                         f'but got {list(shape)}')
    return sizes


def count(config: str,
          shape: Sequence[int] = (),
          cfg_options: Optional[dict] = None) -> Tuple[Tuple, dict]:
    """Count what the model of a config does.

    Args:
        config (str): Path of the config.
        shape (Sequence[int]): See :func:`input_shape`. Defaults to ().
        cfg_options (dict, optional): Changes of the config. Defaults to None.

    Returns:
        tuple: Shape of the features, and what
        ``mmengine.analysis.get_model_complexity_info`` returns.
    """
    cfg = merge_options(Config.fromfile(config), cfg_options)
    init_default_scope(cfg.get('default_scope', 'dyfadet_mm'))
    model = MODELS.build(cfg.model)
    model.init_weights()
    sizes = input_shape(model, shape)
    if len(sizes) > 3:
        inputs = torch.zeros(sizes, dtype=torch.uint8)
    else:
        inputs = torch.randn(sizes)
    return sizes, get_model_complexity_info(model.eval(), inputs=(inputs, ))


def main() -> None:
    """Print the counts of a config."""
    args = parse_args()
    # it would tell each layer's start, and each operation without a count
    MMLogger.get_current_instance().setLevel('ERROR')
    try:
        shape, found = count(args.config, args.shape or (), args.cfg_options)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise SystemExit(f'{type(error).__name__}: {error}') from None
    print(found['out_table'])
    print(f"\n{LINE}\nInput shape: {shape}\nFlops: {found['flops_str']}\n"
          f"Activations: {found['activations_str']}\n"
          f"Params: {found['params_str']}\n{LINE}")
    print('Convolutions, matrix products and norms are counted, other '
          'operations are not.')


if __name__ == '__main__':
    main()
