"""What ``compare.py`` is going to run, and whether it can."""
import argparse
import json
import os.path as osp
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from compare_costs import build_dataset, build_model
from compare_runs import write_json
from mmengine.config import Config

from dyfadet_mm.engine.hooks.score_fusion_hook import bind_scores
from dyfadet_mm.engine.options import check_option, merge_options
from dyfadet_mm.fileio import FolderLock

MOST_DIFFERENCES = 5  # that are named


class Difference(NamedTuple):
    """A setting that has changed: dotted key and both values in words."""
    key: str
    old: str
    new: str


class Run(NamedTuple):
    """One config with one seed.

    Attributes:
        label (str): Name of the config.
        seed (int): Of all random numbers.
        cfg (Config): With options and seed merged.
        folder (Path): For all that it writes.
    """
    label: str
    seed: int
    cfg: Config
    folder: Path

    @property
    def result(self) -> Optional[dict]:
        """What a finished run has written; None before."""
        path = self.folder / 'result.json'
        return json.loads(path.read_text()) if path.exists() else None


def read_configs(args: argparse.Namespace) -> Dict[str, Config]:
    """Read the configs and merge the options.

    Args:
        args (Namespace): Of the command line.

    Returns:
        dict[str, Config]: By label.

    Raises:
        ValueError: If a label is used twice or is no name of a folder, or
            none of the configs reads an option.
    """
    cfgs = {}
    for text in args.configs:
        label, path = osp.splitext(osp.basename(text))[0], text
        if '=' in text and not osp.exists(text):
            label, path = text.split('=', 1)
        if label in cfgs:
            raise ValueError(f'labels must differ, but got {label!r} twice; '
                             'name the configs as in LABEL=PATH')
        if osp.basename(label) != label or label[:1] in ('', '.'):
            raise ValueError('a label must be the name of a new folder, but '
                             f'got {label!r} in {text!r}')
        cfgs[label] = Config.fromfile(path)
    merge_shared_options(cfgs, args.cfg_options or {})
    return cfgs


def merge_shared_options(cfgs: Dict[str, Config], options: dict) -> None:
    """Merge options into the configs that read them.

    Recipes differ in what they have: the width of an MLP, for instance. An
    option that some of them lack is left out there, and said.

    Args:
        cfgs (dict[str, Config]): By label, changed in place.
        options (dict): Dotted key to value.

    Raises:
        ValueError: If none of the configs reads an option.
    """
    read = {
        label: {option
                for option in options if reads(cfg, option)}
        for label, cfg in cfgs.items()
    }
    for label, cfg in cfgs.items():
        elsewhere = set().union(*read.values()) - read[label]
        for option in sorted(elsewhere):
            print(f'{label} has nothing that reads {option}')
        own = {k: v for k, v in options.items() if k not in elsewhere}
        try:
            merge_options(cfg, own)
        except ValueError as error:
            raise ValueError(f'{label}: {error}') from error


def reads(cfg: Config, option: str) -> bool:
    """Whether something in a config reads an option."""
    try:
        check_option(option, cfg)
    except ValueError:
        return False
    return True


def check_config(label: str, cfg: Config, checkpoint: str) -> None:
    """Find out before the training what would end it.

    Args:
        label (str): Name of the config.
        cfg (Config): With the options merged.
        checkpoint (str): ``'best'`` or ``'last'``.

    Raises:
        ValueError: If the model or the data sets cannot be built, or class
            scores are missing, with the reason, or the config never
            validates.
    """
    if 'max_epochs' not in (cfg.get('train_cfg') or {}):
        raise ValueError(f'{label}: train_cfg must count epochs, but got '
                         f'{cfg.get("train_cfg")}')
    if checkpoint == 'best':
        check_best(label, cfg)
    try:
        model = build_model(cfg)
        build_dataset(cfg, 'train_dataloader')
        bind_scores(model, build_dataset(cfg, 'test_dataloader'))
    except Exception as error:  # whatever a part of the config raises
        reason = f'{type(error).__name__}: {error}'
        raise ValueError(f'{label} cannot be built, {reason}') from error


def check_best(label: str, cfg: Config) -> None:
    """Refuse ``--checkpoint best`` where no best weights are kept.

    Raises:
        ValueError: Naming what is missing.
    """
    remedy = 'or choose --checkpoint last'
    if not isinstance(cfg.default_hooks.checkpoint.get('save_best'), str):
        raise ValueError(f'{label}: --checkpoint best needs the name of a '
                         'metric in default_hooks.checkpoint.save_best; name '
                         f'one, {remedy}')
    begin, end = cfg.train_cfg.get('val_begin', 1), cfg.train_cfg.max_epochs
    if cfg.get('val_cfg') is None or begin > end:
        raise ValueError(f'{label}: --checkpoint best needs validation, but '
                         f'got val_cfg={cfg.get("val_cfg")} and val_begin='
                         f'{begin} of {end} epochs; set train_cfg.val_begin, '
                         f'{remedy}')


def plan_runs(cfgs: Dict[str, Config], seeds: int,
              work_dir: Path) -> List[Run]:
    """List all runs, seed by seed.

    Args:
        cfgs (dict[str, Config]): By label.
        seeds (int): How many.
        work_dir (Path): Of the comparison.

    Returns:
        list[Run]: All of the first seed, all of the next, ...
    """
    runs = []
    for seed in range(seeds):
        for label, cfg in cfgs.items():
            cfg = Config(cfg.to_dict())
            cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
            runs.append(
                Run(label, seed, cfg, work_dir / label / f'seed_{seed}'))
    return runs


@contextmanager
def claim_work_dir(work_dir: Path, settings: dict) -> Iterator[None]:
    """Make the folder of the comparison, or take it up again.

    Args:
        work_dir (Path): The folder, for this process alone in the block.
        settings (dict): What all runs of the folder have in common.

    Raises:
        FileExistsError: If the folder is none of a comparison, or belongs to
            one with other settings.
        InUseError: If another process uses it.
    """
    path = work_dir / 'compare.json'
    others = set(work_dir.glob('*')) - set(work_dir.glob('.lock*'))
    if others and not path.exists():
        raise FileExistsError(f'--work-dir must be new or of a comparison, '
                              f'but got {str(work_dir)!r} with other files; '
                              'choose another')
    with FolderLock(work_dir, 'compare.py'):
        if not path.exists():
            write_json(path, settings)
        refuse_differences(json.loads(path.read_text()), settings, path)
        yield


def refuse_differences(old: Any, new: Any, path: Path) -> None:
    """Refuse to go on with other settings.

    Args:
        old (Any): Settings of the earlier runs.
        new (Any): Those of the command line.
        path (Path): Where the old ones were found.

    Raises:
        FileExistsError: Naming what differs.
    """
    found = [
        f'{each.key} is {each.old} there and {each.new} now'
        for each in differences(old, new)
    ]
    if found:
        more = len(found) - MOST_DIFFERENCES
        found = found[:MOST_DIFFERENCES] + [f'{more} more'] * (more > 0)
        raise FileExistsError(
            f'options must be those of the runs in --work-dir, but in {path} '
            f'{"; ".join(found)}; choose another --work-dir, or remove '
            f'{str(path.parent)!r}')


def differences(old: Any, new: Any, prefix: str = '') -> Iterator[Difference]:
    """Where two settings differ.

    Args:
        old (Any): Dicts, lists and values.
        new (Any): Likewise.
        prefix (str): Dotted key of both. Defaults to ''.

    Yields:
        Difference: In words.
    """
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield Difference(prefix, repr(old), repr(new))
        return
    for key in dict.fromkeys([*old, *new]):
        name = f'{prefix}.{key}' if prefix else str(key)
        if key in old and key in new:
            yield from differences(old[key], new[key], name)
        else:
            words = (
                repr(each[key]) if key in each else 'nothing'
                for each in (old, new))
            yield Difference(name, *words)


def check_earlier(run: Run) -> None:
    """Refuse to go on with a run of another config.

    Raises:
        FileExistsError: Naming what differs.
    """
    path = run.folder / 'config.py'
    if path.exists():
        refuse_differences(
            Config.fromfile(path).to_dict(), run.cfg.to_dict(), path)
