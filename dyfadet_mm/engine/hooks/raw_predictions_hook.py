import inspect
import os
import os.path as osp
from contextlib import suppress
from typing import Any, Callable, Dict, Sequence, Tuple

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from dyfadet_mm.fileio import check_writable
from dyfadet_mm.fileio.raw_predictions import (DTYPES, RAW_FILE, raw_paths,
                                               save_raw_facts, save_raw_video)
from dyfadet_mm.registry import HOOKS, TASK_UTILS
from dyfadet_mm.utils.checks import check_choice
from .runner_parts import unwrap_datasets, unwrap_model


@HOOKS.register_module()
class RawPredictionsHook(Hook):
    """Save what the network says of tested videos before NMS.

    Candidates are complete, and windows of long videos put together.
    ``tools/analysis_tools/tune_postprocess.py`` detects with them without the
    network; see :mod:`dyfadet_mm.fileio.raw_predictions` for the files. With
    several processes each writes its own videos, into one folder.

    Args:
        out_dir (str): Folder, new or empty.
        dtype (str): ``'float16'``, or ``'float32'`` for exactly the numbers
            of the network, twice as large. Defaults to ``'float16'``.
        force (bool): Whether complete raw predictions of an earlier test are
            replaced. Defaults to False.

    Raises:
        FileExistsError: If the folder holds files that nobody said may be
            replaced.
        ValueError: If ``dtype`` is none of these.
        WriteError: If no file can be written there.
    """

    def __init__(self,
                 out_dir: str,
                 dtype: str = 'float16',
                 force: bool = False) -> None:
        check_choice('dtype', dtype, DTYPES)
        if is_main_process():  # before any process writes
            facts = osp.join(out_dir, RAW_FILE)
            check_writable(facts, 'raw predictions')
            is_ours = force and osp.isfile(facts)  # and not features, say
            if osp.isdir(out_dir) and os.listdir(out_dir) and not is_ours:
                raise FileExistsError(
                    'the folder of raw predictions must be new or empty, or '
                    'hold complete ones that are to be replaced (--force, or '
                    f'force=True), but got {out_dir!r}; choose another')
        self.out_dir = out_dir
        self.dtype = dtype
        self._paths: Dict[str, str] = {}

    def before_test(self, runner: Runner) -> None:
        """Begin to save.

        Args:
            runner (Runner): The runner of the testing process.

        Raises:
            TypeError: If its detector has no ``SegmentPostprocessor``, or
                leaves detection to its head.
        """
        model = unwrap_model(runner.model)
        postprocessor = getattr(model, 'postprocessor', None)
        if type(postprocessor) is not TASK_UTILS.get(
                'SegmentPostprocessor') or not hasattr(model.head,
                                                       'decode_by_feat'):
            raise TypeError(
                'raw predictions need a detector with SegmentPostprocessor '
                'and a head with decode_by_feat, but got '
                f'{type(model).__name__} with {type(postprocessor).__name__}')
        self._paths = raw_paths(self.out_dir, [
            dataset.get_data_info(index)['video_id']
            for dataset in unwrap_datasets(runner.test_dataloader.dataset)
            for index in range(len(dataset))
        ])
        if is_main_process():  # the folder is not complete any more
            with suppress(FileNotFoundError):
                os.remove(osp.join(self.out_dir, RAW_FILE))
        model.postprocessor = _Recorder(postprocessor, self._save)

    def after_test(self, runner: Runner) -> None:
        """Say what was saved.

        Args:
            runner (Runner): The runner of the testing process, which has
                gathered the results of all others.
        """
        model = unwrap_model(runner.model)
        model.postprocessor = model.postprocessor.postprocessor
        if not is_main_process():
            return
        dataset, *_ = unwrap_datasets(runner.test_dataloader.dataset)
        fusion = model.score_fusion
        save_raw_facts(
            self.out_dir,
            classes=dataset.metainfo['classes'],
            videos=list(self._paths),
            postprocessor=_arguments(model.postprocessor),
            score_fusion=None if fusion is None else _arguments(fusion))
        print_log(
            f'raw predictions of {len(self._paths)} videos are in '
            f'{self.out_dir}', 'current')

    def _save(self, levels: Sequence[Tuple[Tensor, Tensor]],
              metainfo: dict) -> None:
        """Write one video."""
        arrays = [tuple(x.cpu().numpy() for x in level) for level in levels]
        save_raw_video(self._paths[metainfo['video_id']], arrays, metainfo,
                       self.dtype)


class _Recorder:
    """A postprocessor that shows what it was given, video by video."""

    def __init__(self, postprocessor: Callable, show: Callable) -> None:
        self.postprocessor = postprocessor
        self.show = show

    def __call__(self, levels: Sequence[Tuple[Tensor, Tensor]],
                 metainfo: dict) -> Any:
        """Detect, and show what was good enough for it."""
        found = self.postprocessor(levels, metainfo)
        self.show(levels, metainfo)
        return found


def _arguments(part: Any) -> Dict[str, Any]:
    """What a part was built with; its attributes have the same names."""
    return {
        name: getattr(part, name)
        for name in inspect.signature(type(part)).parameters
    }
