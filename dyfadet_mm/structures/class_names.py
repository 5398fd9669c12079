"""Names of labels."""
from typing import Optional, Sequence


def class_name(label: int, classes: Optional[Sequence[str]] = None) -> str:
    """Name a label.

    Args:
        label (int): Position in ``classes``.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.

    Returns:
        str: The name, or ``'class_<label>'`` where there is none.
    """
    if classes is not None and 0 <= label < len(classes):
        return str(classes[label])
    return f'class_{label}'
