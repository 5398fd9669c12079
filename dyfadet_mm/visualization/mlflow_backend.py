import re
from typing import Any, Dict, Optional

import numpy as np
from mmengine.visualization import MLflowVisBackend as _MLflowVisBackend

from dyfadet_mm.registry import VISBACKENDS


@VISBACKENDS.register_module()
class MLflowVisBackend(_MLflowVisBackend):
    """MMEngine's backend for MLflow, with names that MLflow takes.

    MLflow refuses the sign ``@`` of ``tad/mAP@0.50``: what it does not take
    becomes ``_``, as in ``tad/mAP_0.50``. It also wants images to be named
    like files; they are ``vis_image/NAME_STEP.png``, as those of
    ``LocalVisBackend``, and none replaces that of an earlier step.

    Args:
        args, kwargs: As of :class:`mmengine.visualization.MLflowVisBackend`.
    """

    def add_image(self,
                  name: str,
                  image: np.ndarray,
                  step: int = 0,
                  **kwargs) -> None:
        """Save an image with the run.

        Args:
            name (str): Its name, without a suffix.
            image (ndarray): RGB, uint8, (H, W, 3).
            step (int): Part of the file's name. Defaults to 0.
        """
        super().add_image(f'vis_image/{name}_{step}.png', image)

    def add_scalar(self,
                   name: str,
                   value: Any,
                   step: int = 0,
                   **kwargs) -> None:
        """Log a number.

        Args:
            name (str): Its name.
            value (float | Tensor | ndarray): The number.
            step (int): Iteration or epoch. Defaults to 0.
        """
        super().add_scalar(_allowed(name), value, step)

    def add_scalars(self,
                    scalar_dict: Dict[str, Any],
                    step: int = 0,
                    file_path: Optional[str] = None,
                    **kwargs) -> None:
        """Log several numbers.

        Args:
            scalar_dict (dict): Number by name.
            step (int): Iteration or epoch. Defaults to 0.
            file_path (str, optional): Not used.
        """
        allowed = {_allowed(name): each for name, each in scalar_dict.items()}
        super().add_scalars(allowed, step)


def _allowed(name: str) -> str:
    """A name without the signs that MLflow refuses."""
    return re.sub(r'[^\w/. -]', '_', name)
