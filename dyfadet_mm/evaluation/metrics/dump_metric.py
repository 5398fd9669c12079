from mmengine.evaluator import DumpResults
from mmengine.fileio import dump
from mmengine.logging import print_log

from dyfadet_mm.fileio import atomic_path, check_writable
from dyfadet_mm.registry import METRICS


@METRICS.register_module()
class DumpMetric(DumpResults):
    """MMEngine's ``DumpResults``, whose file is complete or not there at all.

    Args:
        out_file_path (str): File for what the model returned, ``.pkl`` or
            ``.pickle``. An old one is replaced.
        kwargs: ``collect_device`` and ``collect_dir`` of ``DumpResults``.

    Raises:
        ValueError: If it has another suffix.
        WriteError: If no file can be written there.
    """

    def __init__(self, out_file_path: str, **kwargs) -> None:
        super().__init__(out_file_path, **kwargs)
        check_writable(out_file_path, 'out_file_path')

    def compute_metrics(self, results: list) -> dict:
        """Write the file.

        Args:
            results (list[dict]): What the model returned.

        Returns:
            dict: Nothing.
        """
        with atomic_path(self.out_file_path) as part:
            dump(results, part, file_format='pkl')
        print_log(f'results are in {self.out_file_path}', 'current')
        return {}
