from typing import Any, Optional, Tuple

from dyfadet_mm.fileio import resolve_classes
from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset

NUM_CLASSES = dict(verb=97, noun=300)


@DATASETS.register_module()
class EpicKitchens100Dataset(TADDataset):
    """EPIC-Kitchens-100, verbs or nouns: 495 and 138 videos, 67217 and 9668.

    - Each task has its own annotation file, model and number of classes.
      ActionFormer's files call the subsets *training* and *validation*,
      OpenTAD's *train*, *val* and *test*, where *test* has no annotations.
    - Labels are the official ids: the ``label_id`` of ActionFormer's files,
      the number in the ``id_007`` of OpenTAD's. Seven nouns never occur; they
      keep their labels, named ``'class_<id>'``, as in the published code.
      OpenTAD numbers the other 293 anew.
    - All features are those of 30 frames per second. Actions beyond the end
      of the features stay, and so do duplicates.

    Args:
        task (str): ``'verb'`` or ``'noun'``.
        fps (float, optional): Frames per second. Defaults to 30.
        kwargs: Other arguments of :class:`TADDataset`.

    Raises:
        ValueError: If ``task`` is neither, or the file is not of this task.
    """

    def __init__(self,
                 *args: Any,
                 task: str,
                 fps: Optional[float] = 30.,
                 **kwargs: Any) -> None:
        if task not in NUM_CLASSES:
            raise ValueError(
                f"task must be 'verb' or 'noun', but got {task!r}")
        self.task = task
        super().__init__(*args, fps=fps, **kwargs)

    def read_classes(self, database: dict) -> Tuple[str, ...]:
        """Class names in the order of the official ids.

        Args:
            database (dict): Entry by video id, of all subsets.

        Returns:
            tuple[str]: 97 verbs or 300 nouns; none if the database has no
            actions, in ``test_mode``.

        Raises:
            ValueError: If an id is not one of the task's.
        """
        return resolve_classes(
            database,
            self._metainfo.get('classes'),
            NUM_CLASSES[self.task],
            ignore_labels=self.ignore_labels,
            allow_empty=self.test_mode)
