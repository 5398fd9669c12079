"""Whether a video has features, and what to say if it has none."""
from typing import Optional

from ..messages import brief, cut
from ..reading import UnreadableFileError, backend_of
from .containers import container_keys, describe_keys, split_container


def features_exist(path: str, backend_args: Optional[dict] = None) -> bool:
    """Whether the features of a video exist, wherever MMEngine can look.

    Asking for each of the thousands of videos of one HDF5 file is cheap: its
    keys are read once.

    Args:
        path (str): Local path or URI; ``file.hdf5/KEY`` for a container.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        bool: True if they are there.

    Raises:
        ImportError: If ``path`` leads into an HDF5 file and h5py is not
            installed.
        UnreadableFileError: If the HDF5 file must not be read.
        NotImplementedError: If the backend cannot tell, as over HTTP.
        ValueError: If the HDF5 file is damaged.
    """
    container, key = split_container(path)
    if key is None:
        return _file_exists(path, backend_args)
    try:
        return key in container_keys(container, backend_args)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UnreadableFileError(
            f'features at {cut(repr(path), 500)} cannot be read: {error}; '
            'check your access to the file') from error
    except ValueError as error:
        raise ValueError(f'features at {cut(repr(path), 500)} must '
                         f'{cut(str(error))}') from error


def missing_features_message(video_id: str,
                             path: str,
                             backend_args: Optional[dict] = None) -> str:
    """Say that a video has no features, and what to do about it.

    Args:
        video_id (str): Name of the video in the annotations.
        path (str): Where its features were looked for.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        str: Text for a :class:`FileNotFoundError`. Where only the key is
        missing in a container, it shows which keys there are.
    """
    container, key = split_container(path)
    found = ''
    if key is not None:
        try:
            found = describe_keys(container_keys(container, backend_args))
            found = f', which has {found}'
        except (OSError, ValueError):
            pass  # the fault is in the container itself
    return (f'no features for video {brief(video_id)} at '
            f'{cut(repr(path), 500)}{found}; correct data_root, data_prefix, '
            'file_prefix or file_suffix, or set filter_missing=True to skip '
            'such videos')


def _file_exists(path: str, backend_args: Optional[dict]) -> bool:
    """Whether there is a file."""
    backend = backend_of(path, backend_args)
    if not hasattr(backend, 'exists'):
        raise NotImplementedError(
            f'{type(backend).__name__} cannot tell whether {path!r} exists')
    return backend.exists(path)
