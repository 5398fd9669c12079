from mmengine.model import is_model_wrapper
from torch import nn


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model inside MMEngine's wrapper of distributed training.

    Args:
        model (nn.Module): A model, wrapped or not.

    Returns:
        nn.Module: The model itself.
    """
    return model.module if is_model_wrapper(model) else model
