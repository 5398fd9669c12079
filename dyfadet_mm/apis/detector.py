"""A detector from what a person has: a config, a name, or weights alone."""
import os.path as osp
import warnings
from typing import (Any, Callable, List, Mapping, Optional, Sequence, Tuple,
                    Union)

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import (CheckpointLoader,
                                        _load_checkpoint_to_model)
from torch import nn

from dyfadet_mm.datasets.class_names import dataset_classes
from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import brief, check_classes, cut
from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.weights import check_weights
from dyfadet_mm.zoo import PREFIX
from dyfadet_mm.zoo.table import TABLE, find
from .checkpoint_config import NoConfigError, saved_config, saved_values

SCOPE = 'dyfadet_mm'
WEIGHTS = ('.pth', '.pt', '.tar')
CONFIGS = ('.py', '.json', '.yaml', '.yml')


def init_detector(config: Union[str, Config, None] = None,
                  checkpoint: Optional[str] = None,
                  device: Optional[str] = None,
                  cfg_options: Optional[dict] = None,
                  classes: Optional[Sequence[str]] = None) -> nn.Module:
    """Build a detector and load its weights.

    Args:
        config (str | Config, optional): Path of a config, name of a model in
            the metafile, ``dyfadet://NAME``, or path of a checkpoint. Defaults
            to None, the config that ``checkpoint`` holds.
        checkpoint (str, optional): Path or address of the weights. Defaults
            to None, those that the name stands for.
        device (str, optional): Such as ``'cuda:0'``. Defaults to None, the
            best there is.
        cfg_options (dict, optional): Changes of the config by dotted key.
            Defaults to None.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, those that the weights or the config name.

    Returns:
        nn.Module: In evaluation mode, with ``cfg``, its config, and
        ``dataset_meta['classes']``, the names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no such name, the weights do not fit the
            config, or the classes have no names.
    """
    cfg, source = find_config(config, checkpoint)
    loaded = None if source is None else read_checkpoint(source)
    if cfg is None:
        cfg = _config_of(loaded, source)
    if cfg_options:
        merge_options(cfg, cfg_options)
    if 'model' not in cfg:
        raise ValueError(f'config {cfg.filename!r} must have a model, but has '
                         f'{brief(sorted(cfg))}')
    init_default_scope(cfg.get('default_scope', SCOPE))
    model = MODELS.build(cfg.model)
    if loaded is None:
        warnings.warn('no checkpoint was given: the detections are those of '
                      'random weights')
    else:
        _load_weights(model, loaded, source)
    if getattr(model, 'score_fusion', None) is not None:
        model.score_fusion = None
        warnings.warn('class scores from elsewhere (score_fusion) are left '
                      'out, as they are of known videos only: the detections '
                      'have the score and the class of the detector')
    model.cfg = cfg
    model.dataset_meta = dict(
        classes=_class_names(model, cfg, loaded or {}, classes))
    return model.to(device or get_device()).eval()


def find_config(config: Union[str, Config, None],
                checkpoint: Optional[str]) -> Tuple[Any, Optional[str]]:
    """Find the config and the weights that two arguments mean.

    Args:
        config, checkpoint: As of :func:`init_detector`.

    Returns:
        tuple: The config, or None for the one in the checkpoint, and path or
        address of the weights, or None.

    Raises:
        FileNotFoundError, TypeError, ValueError: As of
            :func:`init_detector`.
    """
    if isinstance(config, Config):
        return config.copy(), checkpoint
    if config is None and checkpoint is None:
        raise ValueError('a detector must have a config or a checkpoint, but '
                         'got neither')
    if config is None:
        config, checkpoint = checkpoint, None
    if not isinstance(config, str):
        raise TypeError('config must be a path, a name or a Config, but got '
                        f'{type(config).__name__}')
    if config.startswith(PREFIX) or config.endswith(WEIGHTS):
        if checkpoint is not None:
            raise ValueError(f'config must be no weights, but got {config!r} '
                             f'beside the checkpoint {checkpoint!r}')
        name = config[len(PREFIX):] if config.startswith(PREFIX) else None
        if name in TABLE:
            return _from_metafile(find(name).config)[0], config
        return None, config
    if osp.isfile(config):
        return Config.fromfile(config), checkpoint
    if config.endswith(CONFIGS):
        raise FileNotFoundError(f'there is no config {config!r}')
    cfg, weights = _from_metafile(config)
    return cfg, checkpoint or weights


def _from_metafile(name: str) -> Tuple[Config, Optional[str]]:
    """Config and weights of a model of the zoo, whatever its case."""
    folder = BaseInferencer._get_repo_or_mim_dir(SCOPE)
    names: List[str] = []
    for entry in BaseInferencer._get_models_from_metafile(folder):
        names.append(entry['Name'])
        if entry['Name'].lower() == name.lower():
            weights = entry.get('Weights')
            # the address of shipped weights ends with / for mim's sake
            weights = weights and weights.rstrip('/')
            return Config.fromfile(osp.join(folder, entry['Config'])), weights
    raise ValueError(f'model must be a config, a checkpoint, one of '
                     f'{sorted(PREFIX + each for each in TABLE)}, or one of '
                     f'{names}, but got {brief(name)}')


def read_config(name: str) -> Config:
    """Read the whole config that a name means, to look at.

    Args:
        name (str): As ``config`` of :func:`init_detector`.

    Returns:
        Config: That of a checkpoint is data; what it names as a ``type`` may
        be anything, and :func:`init_detector` builds from a part of it only.

    Raises:
        FileNotFoundError, ValueError: As of :func:`init_detector`.
    """
    cfg, source = find_config(name, None)
    if cfg is not None:
        return cfg
    return _config_of(
        read_checkpoint(source), source,
        lambda checkpoint: Config(saved_values(checkpoint)))


def read_checkpoint(source: str) -> dict:
    """Load a checkpoint on the CPU.

    Args:
        source (str): Path or address.

    Returns:
        dict: What it holds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights.
    """
    if '://' not in source and not osp.isfile(source):
        raise FileNotFoundError(f'there is no checkpoint {source!r}')
    checkpoint = CheckpointLoader.load_checkpoint(source, 'cpu')
    check_weights(checkpoint, source)
    return checkpoint


def _config_of(
        checkpoint: Mapping[str, Any],
        source: str,
        read: Callable[[Mapping[str, Any]], Config] = saved_config) -> Config:
    """The config of weights that came without: their own, or of the zoo."""
    name = (checkpoint.get('meta') or {}).get('config')
    try:
        return read(checkpoint)
    except NoConfigError as error:
        if name in {entry.config for entry in TABLE.values()}:
            return _from_metafile(name)[0]
        raise ValueError(f'checkpoint {source!r} must say what model it is '
                         f'of, but {error}; give the config beside the '
                         'checkpoint') from None


def _load_weights(model: nn.Module, checkpoint: dict, source: str) -> None:
    """Load weights, all of them."""
    try:
        _load_checkpoint_to_model(model, checkpoint, strict=True)
    except RuntimeError as error:
        raise ValueError(f'weights {source!r} must fit the config, but '
                         f'{cut(" ".join(str(error).split()))}') from None


def _class_names(model: nn.Module, cfg: Config, checkpoint: Mapping[str, Any],
                 given: Optional[Sequence[str]]) -> Tuple[str, ...]:
    """Names in label order: the given, of the weights, or of the config."""
    head = getattr(model, 'head', None) or getattr(model, 'bbox_head', None)
    number = getattr(head, 'num_classes', None)
    meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    names = given or meta.get('classes') or meta.get('CLASSES')
    if names is None:
        dataset = (cfg.get('test_dataloader') or {}).get('dataset')
        names = dataset and dataset_classes(dataset)
    if number == 1 and not given and len(names or ()) != 1:
        return ('action', )  # class-agnostic, whatever its data were called
    if names is None:
        raise ValueError(f'the {number} classes of the weights must have '
                         'names, but neither weights nor config has any; give '
                         'classes=[...] in label order (--classes FILE)')
    names = check_classes(names)
    if number not in (None, len(names)):
        raise ValueError(f'classes must be the {number} of the model in label '
                         f'order, but got {len(names)}: {brief(names)}')
    return names
