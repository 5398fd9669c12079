"""Scores that are kept while they are made, and the file they become."""
import hashlib
import json
import os
from typing import Dict, Iterable, List, Sequence

from torch import nn

from dyfadet_mm.fileio import atomic_path, check_writable, save_json

#: What the files begin with, so that nothing else is taken for one.
VERSION = 'dyfadet_mm video scores 1'


class ScoreLog:
    """Score file that grows video by video and survives an interruption.

    Until it is complete, it is ``OUT.partial``: a line that says what the
    scores depend on, then a line per video. Reading one back needs the same
    recognizer, clips and classes.

    Args:
        out (str): JSON file to write in the end.
        model (nn.Module): Recognizer.
        pipeline (Sequence[dict]): Its test pipeline.
        classes (Sequence[str]): Name of each score.
        force (bool): Whether to start anew.

    Raises:
        ValueError: If the partial file is of another recognizer.
    """

    def __init__(self, out: str, model: nn.Module, pipeline: Sequence[dict],
                 classes: Sequence[str], force: bool) -> None:
        self.out = out
        self.partial = f'{out}.partial'
        self.head = dict(
            version=VERSION,
            recognizer=fingerprint(model, pipeline),
            classes=list(classes))
        self.scores: Dict[str, List[float]] = {}
        if os.path.exists(self.partial) and not force:
            self._resume()
        else:
            self._rewrite()

    @staticmethod
    def check_out(out: str, force: bool) -> None:
        """Refuse to overwrite, before any work.

        Args:
            out (str): File to write.
            force (bool): Whether it may exist.

        Raises:
            FileExistsError: If it exists.
            ValueError: If it is not called ``.json``.
            WriteError: If it cannot be written.
        """
        if not out.endswith('.json'):
            raise ValueError(f'out must end with .json, but got {out!r}')
        if os.path.isdir(out) or (os.path.lexists(out) and not force):
            raise FileExistsError(f'out must be a new file, but {out!r} '
                                  'exists; choose another, or give --force')
        check_writable(out, 'out')

    def _resume(self) -> None:
        """Read what an interrupted run has left."""
        with open(self.partial, encoding='utf-8') as file:
            lines = file.read().split('\n')
        # an interrupted line lacks its end
        head, *rows = [json.loads(line) for line in lines[:-1]] or [None]
        if head != self.head:
            raise ValueError(
                f'{self.partial!r} must have been made with the same '
                'recognizer, weights, clips and classes, but was not; give '
                '--force to start anew, or another --out')
        self.scores = dict(rows)
        self._rewrite()

    def _rewrite(self) -> None:
        """Write all complete lines."""
        text = '\n'.join(map(json.dumps, [self.head, *self.scores.items()]))
        with atomic_path(self.partial) as part:
            with open(part, 'w', encoding='utf-8') as file:
                file.write(f'{text}\n')

    def add(self, video_id: str, scores: List[float]) -> None:
        """Keep the scores of one video.

        Args:
            video_id (str): Its id.
            scores (list[float]): One per class.
        """
        self.scores[video_id] = scores
        with open(self.partial, 'a', encoding='utf-8') as file:
            file.write(json.dumps([video_id, scores]) + '\n')

    def finish(self, video_ids: Iterable[str]) -> None:
        """Write the score file, and remove the partial one.

        Args:
            video_ids (Iterable[str]): Videos wanted, in order; those without
                scores are left out.

        Raises:
            ValueError: If none has scores.
        """
        results = {
            video_id: self.scores[video_id]
            for video_id in video_ids if video_id in self.scores
        }
        if not results:
            raise ValueError('no video could be read')
        save_json(self.out, dict(self.head, results=results))
        os.remove(self.partial)


def fingerprint(model: nn.Module, pipeline: Sequence[dict]) -> str:
    """Digest of all that scores depend on.

    Args:
        model (nn.Module): With ``cfg``, as ``init_recognizer`` leaves it.
        pipeline (Sequence[dict]): Test pipeline.

    Returns:
        str: Hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(repr((model.cfg.model, pipeline)).encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()
