"""Make a checkpoint of MMAction2 of one of VideoMAE or VideoMAE V2.

    python tools/model_converters/videomae_to_mm.py \\
        vit_g_hybrid_pt_1200e_k710_ft.pth \\
        checkpoints/vit-giant-p14_videomaev2-hybrid-k710.pth

writes the second file, as the encoders of ``configs/e2e`` start from it. The
first one is a classifier, as the authors of VideoMAE save it.
"""
import argparse
from typing import Optional, Sequence

import torch

from dyfadet_mm.compat.checkpoint_loader import load_from_local
from dyfadet_mm.conversion import ConversionError, convert_videomae, show
from dyfadet_mm.fileio import atomic_path, user_errors
from dyfadet_mm.visualization.outputs import check_new

#: Where the authors keep the weights.
KEYS = ('module', 'model')


def read_weights(path: str) -> dict:
    """Read the weights of a checkpoint.

    Args:
        path (str): The file.

    Returns:
        dict[str, Tensor]: The state dict.

    Raises:
        ConversionError: If it has none.
    """
    content = load_from_local(path, 'cpu')
    if isinstance(content, dict):
        for key in KEYS:
            if isinstance(content.get(key), dict):
                return content[key]
        if any(isinstance(each, torch.Tensor) for each in content.values()):
            return content
    raise ConversionError(f'{path!r} must hold weights, alone or as one of '
                          f'{KEYS}, but holds {show(content)}')


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='file of VideoMAE or VideoMAE V2')
    parser.add_argument('out', help='file to write')
    parser.add_argument(
        '--img-size',
        type=int,
        default=224,
        help='pixels of a side that it was trained with')
    parser.add_argument(
        '--num-frames', type=int, default=16, help='frames of a clip')
    parser.add_argument(
        '--force', action='store_true', help='replace the file')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert as the command line says."""
    args = parse_args(args)
    with user_errors():
        check_new(args.out, args.force)
        weights = convert_videomae(
            read_weights(args.checkpoint), args.img_size, args.num_frames)
        with atomic_path(args.out) as part:
            torch.save(dict(state_dict=weights), part)
    print(f'{len(weights)} tensors in {args.out}')


if __name__ == '__main__':
    main()
