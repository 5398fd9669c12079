import io
import warnings

import numpy as np

from dyfadet_mm.registry import TASK_UTILS
from .base import BaseFeatureReader


@TASK_UTILS.register_module()
class CSVReader(BaseFeatureReader):
    """Features as text: a header line, then a line of C numbers per cell.

    MMAction2's ActivityNet features, 100 lines of 400 numbers separated by
    commas, are stored so. The header may name the channels anyhow, but a
    first line of numbers other than 0, 1, ..., C - 1 is refused: it would be
    a cell that is lost.
    """

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of a csv file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: One row per line after the first, (T, C) float32.

        Raises:
            ValueError: If it is no text, has no header, a line has another
                number of fields, or a field is no number.
        """
        try:
            text = content.decode('utf-8-sig')
        except UnicodeDecodeError as error:
            raise ValueError('be a text file of numbers, but got other '
                             f'content of {len(content)} bytes; choose the '
                             'reader of its format') from error
        lines = io.StringIO(text, newline=None)  # all kinds of line ends
        _check_header(lines.readline())
        try:
            with warnings.catch_warnings():
                # of a file without rows, which the check of shapes refuses
                warnings.simplefilter('ignore', UserWarning)
                return np.loadtxt(
                    lines,
                    dtype=np.float32,
                    comments=None,
                    delimiter=',',
                    ndmin=2)
        except (MemoryError, OverflowError, ValueError) as error:
            raise ValueError('be a header line and lines of numbers separated '
                             f'by commas, but got: {error}') from error


def _check_header(line: str) -> None:
    """Refuse a first line of features."""
    try:
        numbers = [float(field) for field in line.split(',')]
    except ValueError:
        return
    if numbers != list(range(len(numbers))):
        raise ValueError('begin with a header line, but got numbers from the '
                         'first line on; put a header there')
