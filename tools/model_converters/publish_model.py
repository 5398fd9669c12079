"""Make a small checkpoint to give away from one of a training.

    python tools/model_converters/publish_model.py \\
        work_dirs/NAME/best_tad_average_mAP_epoch_40.pth NAME.pth

writes NAME-1a2b3c4d.pth, with the first digits of the file's SHA-256 in its
name. It holds the weights, the names of the classes and the config, and
detects without any other file. The state of the training (optimizer,
schedules, logged values) and the second copy of the weights are left out.
"""
import argparse
import hashlib
import io
from typing import Any, Mapping, Optional, Sequence, Tuple

import torch
from mmengine.logging import MMLogger

from dyfadet_mm import __version__
from dyfadet_mm.apis import init_detector
from dyfadet_mm.apis.checkpoint_config import saved_config
from dyfadet_mm.apis.detector import read_checkpoint, read_config
from dyfadet_mm.fileio import atomic_path, user_errors
from dyfadet_mm.utils.weights import raw_weights
from dyfadet_mm.visualization.outputs import check_new

# of the training, what says which weights they are
KEPT = ('epoch', 'iter', 'seed', 'mmengine_version', 'source', 'weights')
HASH_DIGITS = 8


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='path, or dyfadet://NAME')
    parser.add_argument('out', help='file to write, without its hash')
    parser.add_argument(
        '--config',
        help='config of weights that hold none, such as converted ones; it '
        'is saved with them')
    parser.add_argument(
        '--raw',
        action='store_true',
        help='publish the weights as they were trained, and not their running '
        'averages, which are evaluated')
    parser.add_argument(
        '--force', action='store_true', help='replace the file')
    return parser.parse_args(args)


def choose_weights(checkpoint: Mapping[str, Any],
                   raw: bool) -> Tuple[dict, Optional[str]]:
    """Choose one of the two copies that a training with averages saves.

    Args:
        checkpoint (Mapping): As loaded.
        raw (bool): Whether to choose the raw ones.

    Returns:
        tuple[dict, str]: The weights, and ``'averaged'`` or ``'raw'``; None
        for a checkpoint with one copy.

    Raises:
        ValueError: If raw weights are asked for, and there is one copy.
    """
    trained = raw_weights(checkpoint)
    if raw and trained is None:
        raise ValueError('--raw needs a checkpoint with averaged and raw '
                         'weights, but this one has one copy of the weights; '
                         'leave --raw out')
    if raw:
        return trained, 'raw'
    averaged = checkpoint.get('state_dict', checkpoint)
    return averaged, None if trained is None else 'averaged'


def publish(args: argparse.Namespace) -> str:
    """Write the file.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        str: Its path.
    """
    # refuses what does not detect
    model = init_detector(args.config, args.checkpoint, device='cpu')
    checkpoint = read_checkpoint(args.checkpoint)
    weights, kind = choose_weights(checkpoint, args.raw)
    meta = checkpoint.get('meta') or {}
    meta = {key: meta[key] for key in KEPT if key in meta}
    meta.update(
        dyfadet_mm_version=__version__,
        cfg=read_config(args.config or args.checkpoint).pretty_text,
        dataset_meta=dict(classes=model.dataset_meta['classes']))
    if kind is not None:
        meta['weights'] = kind
    published = dict(meta=meta, state_dict=weights)
    saved_config(published)  # refuses a config that is code
    buffer = io.BytesIO()
    torch.save(published, buffer)
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()[:HASH_DIGITS]
    path = f'{args.out.removesuffix(".pth")}-{digest}.pth'
    check_new(path, args.force)
    with atomic_path(path) as part, open(part, 'wb') as file:
        file.write(buffer.getbuffer())
    left_out = sorted(checkpoint.keys() - published.keys() - weights.keys())
    print(f'{path}: the {meta.get("weights", "only")} weights, '
          f'{len(weights)} tensors, {buffer.tell() / 1e6:.1f} MB; left out: '
          f'{", ".join(left_out) or "nothing"}')
    return path


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    # it would tell of each loaded file
    MMLogger.get_current_instance().setLevel('WARNING')
    with user_errors():
        publish(args)


if __name__ == '__main__':
    main()
