"""The frames of a video file, for a detector that reads frames."""
import math
from typing import List, Optional

from mmcv.transforms import Compose

from dyfadet_mm.datasets.transforms import (PackTADInputs, SampleCellFrames,
                                            SecondsToGrid, SpreadFeatures)
from dyfadet_mm.datasets.video_dataset import reading_video
from dyfadet_mm.registry import TRANSFORMS

#: What a data set may say of the cells of all its videos.
GRID = ('fps', 'feat_stride', 'feat_num_frames')


class VideoFrames:
    """Make the input of a detector of a video file, without annotations.

    The steps are those of the config's test pipeline, but for the conversion
    of actions.

    Args:
        dataset (dict): Config of a :class:`TADVideoDataset`.

    Attributes:
        grid (dict): ``fps``, ``feat_stride`` and ``feat_num_frames`` of the
            data set, None where the video says them.
        sampling (SampleCellFrames): The step that chooses frames.
    """

    def __init__(self, dataset: dict) -> None:
        self.grid = {key: dataset.get(key) for key in GRID}
        steps = [
            TRANSFORMS.build(step) for step in dataset['pipeline']
            if kind_of(step) is not SecondsToGrid
        ]
        self.sampling = next(
            each for each in steps if isinstance(each, SampleCellFrames))
        self.steps = Compose(steps)

    def __call__(self, path: str, video_id: str,
                 **given: Optional[float]) -> dict:
        """Read a video and pack its frames.

        Args:
            path (str): The file.
            video_id (str): Its name.
            given (float): ``duration`` (seconds), ``fps``, ``feat_stride``
                and ``feat_num_frames``, which win over the data set's.

        Returns:
            dict: ``inputs`` (3, T, k, H, W) and ``data_samples``.

        Raises:
            VideoError: If it cannot be read.
        """
        results = {**self.grid, 'duration': math.inf, **given}
        with reading_video(path):
            return self.steps(dict(results, video_id=video_id, filename=path))

    @property
    def window(self) -> Optional[float]:
        """float, optional: ``feat_num_frames`` of its features."""
        given, stride = self.grid['feat_num_frames'], self.grid['feat_stride']
        if given is None and stride is not None:
            return self.sampling.window(stride)
        return given

    def steps_of_features(self) -> List[dict]:
        """Steps for features that the detector's encoder made before.

        Returns:
            list[dict]: Their configs.
        """
        spread = [dict(type=SpreadFeatures)] * (
            self.sampling.num_cells is not None)
        return [*spread, dict(type=PackTADInputs)]


def reads_frames(dataset: dict) -> bool:
    """Whether the pipeline of a data set reads frames.

    Args:
        dataset (dict): Its config.
    """
    return any(
        kind_of(step) is SampleCellFrames
        for step in dataset.get('pipeline') or ())


def kind_of(step: dict) -> Optional[type]:
    """The class of a step of a pipeline, by its config."""
    kind = step['type']
    return TRANSFORMS.get(kind) if isinstance(kind, str) else kind
