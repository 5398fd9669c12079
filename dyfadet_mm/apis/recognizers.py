"""Recognizers of MMAction2, and others, as makers of features."""
import hashlib
import importlib.util
import os.path as osp
import warnings
from typing import Any, Callable, NamedTuple, Optional, Tuple, Union

import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.backbone_outputs import maps_of
from dyfadet_mm.utils.weights import load_weights

ModelType = Union[str, Config, dict, nn.Module, Callable]


class Recognizer(NamedTuple):
    """A recognizer that was built.

    Attributes:
        module (nn.Module): It, in evaluation mode.
        cfg (Config): Its whole config, empty if it came as a module.
        facts (dict): ``backbone``, ``config``, ``checkpoint`` and
            ``checkpoint_sha256``: of the file, or of random weights.
    """

    module: Callable
    cfg: Config
    facts: dict


def build_recognizer(model: ModelType,
                     checkpoint: Optional[str] = None) -> Recognizer:
    """Build what makes features, with its weights.

    Args:
        model (str | Config | dict | nn.Module | Callable): A config of a
            recognizer, as a path, ``'mmaction::recognition/...'`` or Config;
            a name in the metafiles of MMAction2; a config of a module alone,
            ``dict(type=...)``; or what maps clips (B, 3, T, H, W) to (B, C).
        checkpoint (str, optional): Path or URL of the weights. Defaults to
            None: those of the metafile for a name, else what the module has,
            with a warning where that is random.

    Returns:
        Recognizer: It.

    Raises:
        FileNotFoundError: If there is no such config, name or checkpoint.
        ValueError: If the checkpoint has other weights.
    """
    cfg, name = Config({}), None
    module = model
    if isinstance(model, str):
        cfg, name, published = read_config(model)
        checkpoint = checkpoint or published
    elif isinstance(model, Config):
        cfg = model
        name = cfg.filename and osp.basename(cfg.filename)
    elif isinstance(model, dict):
        cfg = Config(dict(model=model, default_scope='dyfadet_mm'))
    elif not callable(model):
        raise TypeError('model must be a config, a name or a module, but got '
                        f'{type(model).__name__}')
    if cfg:
        module = _build(cfg)
        if checkpoint is None and any(True for _ in module.parameters()):
            warnings.warn(
                'no checkpoint was given: the features are those of RANDOM '
                'weights and mean nothing; give the weights of the recognizer')
    if checkpoint is not None:
        load_weights(module, checkpoint)
    if isinstance(module, nn.Module):
        module.eval().requires_grad_(False)
    part = getattr(module, 'backbone', module)
    facts = dict(
        backbone=getattr(part, '__name__',
                         type(part).__name__),
        config=name,
        checkpoint=checkpoint and osp.basename(checkpoint),
        checkpoint_sha256=digest(module, checkpoint))
    return Recognizer(module, cfg, facts)


def read_config(model: str) -> Tuple[Config, str, Optional[str]]:
    """Read the config of a recognizer by path or name.

    Args:
        model (str): Path, ``'PACKAGE::FILE'``, or a name of MMAction2.

    Returns:
        tuple: Config, its name, and the address of the weights where it was
        found by its own name.

    Raises:
        FileNotFoundError: If there is none.
    """
    if '::' in model:
        package, path = model.split('::', 1)
        path = osp.join(_content(package), 'configs', path)
        return Config.fromfile(path), osp.basename(path), None
    if osp.isfile(model):
        return Config.fromfile(model), osp.basename(model), None
    root = _content('mmaction')
    for file in load(osp.join(root, 'model-index.yml'))['Import']:
        for entry in load(osp.join(root, file)).get('Models', ()):
            if entry['Name'].lower() == model.lower():
                return (Config.fromfile(osp.join(root, entry['Config'])),
                        entry['Name'], entry.get('Weights'))
    raise FileNotFoundError(
        f'model must be a config, or a name in the metafiles of MMAction2, '
        f'but got {model!r}; see `mim search mmaction2`')


def _content(package: str) -> str:
    """Folder of the configs and metafiles of an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f'no package {package!r} is installed')
    return osp.join(osp.dirname(spec.origin), '.mim')


def _build(cfg: Config) -> nn.Module:
    """Build a model without the weights that its backbone began from."""
    model = cfg.model.copy()
    if (model.get('backbone') or {}).get('pretrained'):
        model.backbone = dict(model.backbone, pretrained=None)
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope') or 'mmaction'):
        return MODELS.build(model)


def digest(module: Any, checkpoint: Optional[str]) -> Optional[str]:
    """SHA-256 of the checkpoint's file, or of the weights without one.

    Args:
        module (Any): With these weights.
        checkpoint (str, optional): Path or address.

    Returns:
        str, optional: None of what is no module.
    """
    digest = hashlib.sha256()
    if checkpoint is not None and osp.isfile(checkpoint):
        with open(checkpoint, 'rb') as file:
            while block := file.read(2**20):
                digest.update(block)
        return digest.hexdigest()
    if not isinstance(module, nn.Module):
        return None
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().view(-1).view(
            torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def features_of(module: Callable, clips: Tensor) -> Tensor:
    """Features of clips, averaged over space and time.

    Args:
        module (Callable): A recognizer of MMAction2, whose backbone is used,
            or what maps such clips to (B, C) or (B, C, ...).
        clips (Tensor): Normalised, (B, 3, T, H, W).

    Returns:
        Tensor: Features, (B, C).

    Raises:
        ValueError: If the module gives something else.
    """
    frames = 1
    if not hasattr(module, 'extract_feat'):
        outputs = module(clips)
    elif _takes_pictures(module):
        frames = clips.shape[2]
        outputs, _ = module.extract_feat(clips.transpose(1, 2), 'backbone')
    else:
        outputs, _ = module.extract_feat(clips[:, None], 'backbone')
    pooled = pool(outputs)
    if pooled.ndim != 2 or len(pooled) != len(clips) * frames:
        raise ValueError(
            f'features of {len(clips)} clips must be (B, C) or (B, C, ...), '
            f'but the model gives {tuple(pooled.shape)}')
    return pooled.unflatten(0, (-1, frames)).mean(1)


def _takes_pictures(module: nn.Module) -> bool:
    """Whether the backbone of a recognizer is one for single frames."""
    from mmaction.models.recognizers import Recognizer2D
    return isinstance(module, Recognizer2D)


def pool(outputs: Any) -> Tensor:
    """Average a backbone's output over space and time.

    Args:
        outputs (Tensor | Sequence): (B, C, ...), or several, as the slow and
            the fast pathway; class tokens (B, C) beside maps are left out.

    Returns:
        Tensor: (B, C), C being the sum over several.
    """
    if isinstance(outputs, Tensor):
        return outputs.flatten(2).mean(2) if outputs.ndim > 3 else outputs
    return torch.cat([pool(each) for each in maps_of(outputs)], 1)
