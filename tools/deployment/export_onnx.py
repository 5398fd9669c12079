"""Write the network of a detector as an ONNX file.

    python tools/deployment/export_onnx.py CONFIG CHECKPOINT --out model.onnx

The network takes features (1, C, T) and their number of valid cells (1,), and
gives class logits (1, A, T_l) and offsets (1, 2, T_l) of every level, or
(1, 2, T_l, A) where every class has its own. What else is needed to detect is
in the metadata of the file; ``dyfadet_mm.apis.OnnxDetector`` reads both. See
docs/deployment.md.
"""
import argparse
import gc
import json
import os.path as osp
import re
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from torch import Tensor, nn

from dyfadet_mm.apis.onnx_detector import INSTALL, METADATA, OnnxDetector
from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import check_writable
from dyfadet_mm.fileio.atomic import atomic_path
from dyfadet_mm.models.detectors.cuda_graphs import BucketCells
from dyfadet_mm.models.task_modules import PointGenerator, SegmentCoder
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells

# largest difference of an output, relative to the largest one
TOLERANCE = 1e-4
PREPROCESSOR = ('max_seq_len', 'size_divisor', 'pad_to')
GRID = ('fps', 'feat_stride', 'feat_num_frames')
USER_ERRORS = (ImportError, KeyError, OSError, TypeError, ValueError)


class ExportError(ValueError):
    """The network cannot be written as ONNX, or the file computes others."""


class Network(nn.Module):
    """Encoder, neck and head, from tensors to tensors.

    Args:
        model (nn.Module): The detector.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, feats: Tensor, lengths: Tensor) -> Tuple[Tensor, ...]:
        """Compute the outputs of the head.

        Args:
            feats (Tensor): Features, zero on padding, (1, C, T).
            lengths (Tensor): Valid cells, (1,).

        Returns:
            tuple[Tensor]: Class logits (1, A, T_l) of every level, then
            offsets (1, 2, T_l) or (1, 2, T_l, A).
        """
        steps = torch.arange(feats.size(2), device=feats.device)
        mask = steps < lengths[:, None, None]
        cells = BucketCells(mask, self.model.padding)
        return outputs_of(self.model, feats, cells)


def outputs_of(model: nn.Module, feats: Tensor,
               cells: Cells) -> Tuple[Tensor, ...]:
    """As :meth:`Network.forward`, of features with their cells."""
    logits, *others = model.head(model.extract_feat(feats, cells))
    return (*logits, *model.head.to_offsets(*others))


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path or address of the weights')
    parser.add_argument(
        '--out', default='model.onnx', help='the file (default: %(default)s)')
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--length',
        type=int,
        metavar='T',
        help='cells of every video with padding (default: max_seq_len)')
    group.add_argument(
        '--dynamic', action='store_true', help='videos of any length')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5')
    return parser.parse_args(args)


def check_parts(model: nn.Module) -> None:
    """Refuse parts of which the decoder does not know what they do.

    Args:
        model (nn.Module): The detector.

    Raises:
        ExportError: If there are such.
    """
    for name, known in dict(points=PointGenerator, coder=SegmentCoder).items():
        part = getattr(model.head, name, None)
        if type(part) is not known:
            raise ExportError(f'{name} of the head must be a {known.__name__} '
                              f'for the decoder, but is {part!r}')
    if model.head.points.offset:
        raise ExportError('point_offset of the head must be 0 for the decoder,'
                          f' but is {model.head.points.offset}')


def export(model: nn.Module,
           length: int,
           dynamic: bool = False) -> 'torch.onnx.ONNXProgram':
    """Export a detector.

    Args:
        model (nn.Module): The detector, in evaluation mode on the CPU.
        length (int): T, cells with padding.
        dynamic (bool): Whether others are allowed. Defaults to False.

    Returns:
        ONNXProgram: The network.

    Raises:
        ExportError: If a part cannot be exported; it is named.
    """
    check_parts(model)
    network = Network(model)
    args = (torch.randn(1, model.backbone.in_channels,
                        length), torch.tensor([length - length // 4]))
    shapes = None
    if dynamic:
        divisor = model.data_preprocessor.size_divisor
        shapes = ({2: divisor * torch.export.Dim('n', max=2**20)}, None)
    with torch.no_grad(), no_collection():
        try:
            program = torch.export.export(
                network, args, dynamic_shapes=shapes, strict=False)
        except Exception as error:  # what a layer may raise
            if dynamic and 'Constraints violated' in str(error):
                raise ExportError(
                    'every layer must do the same for any length with '
                    '--dynamic, but one does not; use --length') from error
            layer = name_of_layer(model, error)
            raise ExportError(
                f'{layer} must be a graph of tensors, but '
                f'{type(error).__name__}: {first_line(error)}; see '
                'docs/deployment.md for what cannot be exported') from error
        try:
            return torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                optimize=False,
                input_names=['feats', 'length'],
                output_names=[
                    f'{name}{level}' for name in ('logits', 'offsets')
                    for level in range(model.head.num_levels)
                ])
        except ModuleNotFoundError as error:
            raise ImportError(f'{error}; run {INSTALL}') from None
        except torch.onnx.OnnxExporterError as error:
            raise ExportError(
                f'{name_of_operation(program, error)} has no form in ONNX; '
                'see docs/deployment.md for what cannot be exported'
            ) from error


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage, which takes long among the exporter's objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def name_of_layer(model: nn.Module, error: BaseException) -> str:
    """The innermost layer that an error went through."""
    names = {module: name for name, module in model.named_modules()}
    found, trace = 'the model', error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_locals.get('self')
        if isinstance(module, nn.Module) and names.get(module):
            found = f'layer {names[module]!r} ({type(module).__name__})'
        trace = trace.tb_next
    return found


def name_of_operation(program: torch.export.ExportedProgram,
                      error: BaseException) -> str:
    """The operation that has no form in ONNX, and the layer it is in."""
    text = ' '.join(map(str, causes(error)))
    operations = re.findall(r"OpOverload\(op='([\w.:]+)'", text) or re.findall(
        r'torch\.ops\.([\w.]+)', text)
    if not operations:
        return f'something ({first_line(error)})'
    operation = operations[0]
    for node in program.graph.nodes:
        if re.split(r'[.:]', operation)[-1] in str(node.target):
            layers = list(node.meta.get('nn_module_stack', {}).values())
            if layers:
                name = str(layers[-1][0]).rpartition('model.')[2]
                return f'operation {operation} of layer {name!r}'
    return f'operation {operation}'


def causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    """An error and what caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: BaseException) -> str:
    """The first line of a message that says something."""
    return next(filter(None, map(str.strip, str(error).splitlines())), '')


def facts_of(model: nn.Module, cfg: Config,
             classes: Optional[Sequence[str]]) -> dict:
    """What is needed to detect, beside the network."""
    model_cfg = cfg.model
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    preprocessor = model.data_preprocessor
    return dict(
        classes=None if classes is None else list(classes),
        grid={
            key: dataset[key]
            for key in GRID if dataset.get(key) is not None
        },
        data_preprocessor=dict(
            {key: getattr(preprocessor, key)
             for key in PREPROCESSOR},
            padding=model.padding.value),
        postprocessor=dict(
            dict(type='dyfadet_mm.SegmentPostprocessor'),
            **model_cfg.get('postprocessor', {})),
        window=model_cfg.get('window'),
        num_levels=model.head.num_levels)


def check_file(model: nn.Module, path: str, lengths: Sequence[int]) -> float:
    """Compare onnxruntime with PyTorch on random features.

    Args:
        model (nn.Module): The detector.
        path (str): The file.
        lengths (Sequence[int]): Cells of the videos.

    Returns:
        float: The largest difference, relative to the largest output or 1.

    Raises:
        ExportError: If it is above ``TOLERANCE``.
    """
    detector, worst = OnnxDetector(path), 0.
    for length in lengths:
        feats = np.random.default_rng(0).standard_normal(
            (model.backbone.in_channels, length)).astype(np.float32)
        ours = detector.run(feats)
        total = ours[0].shape[2]
        inputs = torch.zeros(1, len(feats), total)
        inputs[0, :, :length] = torch.from_numpy(feats)
        cells = Cells.of([length], total, 'cpu', model.padding)
        with torch.no_grad():
            theirs = outputs_of(model, inputs, cells)
        for x, y in zip(ours, theirs):
            size = max(1., y.abs().max().item())
            worst = max(worst, np.abs(x - y.numpy()).max().item() / size)
    if not worst <= TOLERANCE:
        raise ExportError(
            'outputs of onnxruntime must be those of PyTorch within '
            f'{TOLERANCE}, but differ by {worst:.2g}; a layer computes with '
            'numbers that it has read from tensors')
    return worst


def load_model(cfg: Config, checkpoint: str) -> Tuple[nn.Module, Any]:
    """The detector with its weights, and the names of its classes."""
    init_default_scope(cfg.get('default_scope', 'dyfadet_mm'))
    model = MODELS.build(cfg.model)
    loaded = load_checkpoint(model, checkpoint, 'cpu', strict=True)
    if getattr(model, 'encoder', None) is not None:
        print('the frame encoder is left out: the network takes features, '
              'which extract_features.py makes with this checkpoint')
        model.encoder = None
    meta = loaded.get('meta', {}).get('dataset_meta') or {}
    return model.eval(), meta.get('classes')


def write(model: nn.Module,
          cfg: Config,
          path: str,
          length: Optional[int] = None,
          dynamic: bool = False,
          classes: Optional[Sequence[str]] = None) -> float:
    """Export a detector to a file and check it.

    Args:
        model (nn.Module): The detector, in evaluation mode on the CPU.
        cfg (Config): Its config.
        path (str): The file.
        length (int, optional): Cells with padding. Defaults to None,
            ``max_seq_len``.
        dynamic (bool): Whether others are allowed. Defaults to False.
        classes (Sequence[str], optional): Their names. Defaults to None.

    Returns:
        float: The largest difference to PyTorch, see :func:`check_file`.

    Raises:
        ExportError: If the network cannot be exported, or ``length`` is not
            one that padding gives.
    """
    padded_len = model.data_preprocessor.padded_len
    total = length or padded_len(model.data_preprocessor.max_seq_len)
    if padded_len(total) != total:
        raise ExportError('--length must be a length of padded videos, but '
                          f'got {total}; set it to {padded_len(total)}')
    program = export(model, total, dynamic)
    facts = facts_of(model, cfg, classes)
    program.model.metadata_props[METADATA] = json.dumps(facts)
    with atomic_path(path) as temporary:
        program.save(temporary)
        lengths = [total, total - total // 3]
        if dynamic:
            lengths += [1, 2 * total - 5]
        return check_file(model, temporary, lengths)


def main() -> None:
    """Export as the command line says."""
    args = parse_args()
    try:
        check_writable(args.out, '--out')
        cfg = merge_options(Config.fromfile(args.config), args.cfg_options)
        model, classes = load_model(cfg, args.checkpoint)
        worst = write(model, cfg, args.out, args.length, args.dynamic, classes)
    except USER_ERRORS as error:
        raise SystemExit(f'{type(error).__name__}: {error}') from None
    print(f'{osp.abspath(args.out)}: onnxruntime and PyTorch differ by at '
          f'most {worst:.1e}')


if __name__ == '__main__':
    main()
