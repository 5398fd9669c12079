"""What stands for the objects that a pickle describes."""
from dataclasses import dataclass
from typing import Any


class Name(str):
    """Full name of a class or function."""


@dataclass(frozen=True)
class Storage:
    """The numbers of tensors.

    Attributes:
        num_bytes (int): Their size.
        item_bytes (int): Size of one number.
    """
    num_bytes: int
    item_bytes: int


class Call(dict):
    """An object that a call makes, with the items it gets afterwards.

    Args:
        name (str): Full name of what is called.
        args (tuple): With what.
    """

    __hash__ = object.__hash__

    def __init__(self, name: str, args: tuple) -> None:
        super().__init__()
        self.name, self.args, self.state = name, args, None
        self.num_bytes = 0  # of the numbers it shows

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __ne__(self, other: Any) -> bool:
        return self is not other

    def append(self, item: Any) -> None:
        """Take the item of a list or a set."""
        self[len(self)] = item

    add = append
