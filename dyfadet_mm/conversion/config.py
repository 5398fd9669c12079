"""Configurations of other code as configurations of ours."""
from typing import Any

from .actionformer_config import convert_actionformer
from .choices import section_of
from .errors import ConversionError, show
from .opentad_config import convert_opentad
from .published_config import convert_published
from .tridet_config import convert_tridet

#: Name of the model in its own code, and the key that only its section
#: ``model`` has.
PEERS = dict(
    ActionFormer=('LocPointTransformer', 'n_mha_win_size'),
    TriDet=('TriDet', 'n_sgp_win_size'))


def convert_config(reference_cfg: dict) -> dict:
    """Convert a configuration of DyFADet, ActionFormer or TriDet.

    Args:
        reference_cfg (dict): One of

            - the published code's, ActionFormer's or TriDet's, with ``model``
              (which has ``input_dim`` and ``num_classes``, or they stand in
              ``dataset``), ``train_cfg`` and ``test_cfg``. The key of the
              encoder's window, or ``model_name``, tells whose it is;
            - OpenTAD's model dict of DyFADet or ActionFormer, which has
              ``projection``, or its whole configuration with ``model``,
              ``post_processing`` and ``dataset``. With ``backbone`` in the
              model, the detector takes frames.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build`` that
        computes the same; it builds from any default scope.

    Raises:
        ConversionError: A KeyError and ValueError, if a key is missing, a
            value is not of its kind, or the configuration asks for a part
            that the detector does not have there.
    """
    reference_cfg = section_of('reference_cfg', reference_cfg)
    if is_opentad(reference_cfg):
        if 'projection' in reference_cfg:
            return convert_opentad(reference_cfg)
        return convert_opentad(reference_cfg['model'],
                               reference_cfg.get('post_processing'),
                               reference_cfg.get('dataset'))
    if not isinstance(reference_cfg.get('model'), dict):
        raise ConversionError(
            "reference_cfg must have 'model', or 'projection' as a model dict "
            f'of OpenTAD has, but has {show(reference_cfg)}')
    name = detector_name(reference_cfg)
    if name == 'ActionFormer':
        return convert_actionformer(reference_cfg)
    if name == 'TriDet':
        return convert_tridet(reference_cfg)
    return convert_published(reference_cfg)


def detector_name(reference_cfg: dict) -> str:
    """Whose configuration it is.

    Args:
        reference_cfg (dict): With ``model``.

    Returns:
        str: ``'DyFADet'``, ``'ActionFormer'`` or ``'TriDet'``.
    """
    model = reference_cfg['model']
    # first, as a yaml of DyFADet has kept keys of TriDet beside its own
    if 'dyn_head' in model:
        return 'DyFADet'
    for detector, (_, key) in PEERS.items():
        if key in model:
            return detector
    for detector, (name, _) in PEERS.items():
        if reference_cfg.get('model_name') == name:
            return detector
    return 'DyFADet'


def is_opentad(reference_cfg: Any) -> bool:
    """Whether a configuration is one of OpenTAD.

    Args:
        reference_cfg (dict): Of a model, or a whole one.

    Returns:
        bool: True if its model has a ``projection``.
    """
    if not isinstance(reference_cfg, dict):
        return False
    model = reference_cfg.get('model', reference_cfg)
    return isinstance(model, dict) and 'projection' in model
