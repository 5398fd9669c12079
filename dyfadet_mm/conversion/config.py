"""Configurations of other code as configurations of ours."""
from .opentad_config import convert_opentad
from .published_config import convert_published


def convert_config(reference_cfg: dict) -> dict:
    """Convert a configuration of DyFADet by the published code or OpenTAD.

    Args:
        reference_cfg (dict): One of

            - the published code's, with ``model`` (which has ``input_dim``
              and ``num_classes``, or they stand in ``dataset``),
              ``train_cfg`` and ``test_cfg``;
            - OpenTAD's model dict, which has ``projection``, or its whole
              configuration with ``model`` and ``post_processing``.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build`` that
        computes the same; it builds from any default scope.

    Raises:
        KeyError: If the sizes of inputs or outputs are missing.
        ValueError: If the configuration asks for a part that DyFADet does
            not have there.
    """
    if is_opentad(reference_cfg):
        if 'projection' in reference_cfg:
            return convert_opentad(reference_cfg)
        return convert_opentad(reference_cfg['model'],
                               reference_cfg.get('post_processing'))
    if 'model' not in reference_cfg:
        raise KeyError("reference_cfg must have 'model', or 'projection' as a "
                       "model dict of OpenTAD has, but has "
                       f'{sorted(reference_cfg)}')
    return convert_published(reference_cfg)


def is_opentad(reference_cfg: dict) -> bool:
    """Whether a configuration is one of OpenTAD.

    Args:
        reference_cfg (dict): Of a model, or a whole one.

    Returns:
        bool: True if its model has a ``projection``.
    """
    model = reference_cfg.get('model', reference_cfg)
    return isinstance(model, dict) and 'projection' in model
