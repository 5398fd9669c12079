"""What all readers of features share."""
from typing import Optional

import numpy as np

from ..messages import brief, cut
from ..reading import UnreadableFileError, fetch
from .checks import check_features, check_finite
from .existence import missing_features_message


class BaseFeatureReader:
    """Read the features of one video.

    A subclass overrides :meth:`decode` for its file format, or :meth:`load`
    if one file holds many videos.

    Args:
        backend_args (dict, optional): MMEngine's file backend, for example
            ``dict(backend='petrel')``. Defaults to None, chosen by the prefix
            of the path: local disk, ``s3://``, ``http://``.
    """

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of a file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: Features as stored, expected to be (T, C).

        Raises:
            ValueError: If ``content`` is damaged or of another format; the
                message follows the words "features of video .. at .. must ".
        """
        raise NotImplementedError

    def load(self, path: str) -> np.ndarray:
        """Get the array that a path leads to.

        Args:
            path (str): Local path or URI.

        Returns:
            ndarray: Features as stored, expected to be (T, C).

        Raises:
            OSError: If the file cannot be read.
            ValueError: As :meth:`decode`.
        """
        return self.decode(fetch(path, self.backend_args))

    def read(self,
             path: str,
             video_id: str,
             feat_dim: Optional[int] = None) -> np.ndarray:
        """Read and check the features of one video.

        Args:
            path (str): Local path or URI.
            video_id (str): Name of the video, for messages.
            feat_dim (int, optional): C that the model expects. Defaults to
                None, any.

        Returns:
            ndarray: Finite features, (T, C) float32, T and C at least 1.

        Raises:
            FileNotFoundError: If there is no such file, or no such key in it.
            ImportError: If the format needs a package that is not installed.
            UnreadableFileError: If the file cannot be read for another
                reason, an OSError.
            ValueError: If the file holds anything but finite numbers of
                shape (T, ``feat_dim``).
        """
        try:
            feats = self.load(path)
            check_features(feats, feat_dim)
            with np.errstate(over='ignore'):
                feats = np.ascontiguousarray(feats, dtype=np.float32)
            check_finite(feats)
            return feats
        except (OSError, ValueError) as error:
            raise self._describe(error, path, video_id) from error

    def _describe(self, error: Exception, path: str,
                  video_id: str) -> Exception:
        """Name the video and its file in an error."""
        where = (f'features of video {brief(video_id)} at '
                 f'{cut(repr(path), 500)}')
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(
                missing_features_message(video_id, path, self.backend_args))
        if isinstance(error, OSError):
            return UnreadableFileError(
                f'{where} cannot be read: {error}; check that it is a file, '
                'and your access to it')
        return ValueError(f'{where} must {cut(str(error))}')
