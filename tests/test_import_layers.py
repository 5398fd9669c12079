"""Imports point downwards only: every import is parsed, none is run."""
import ast
from pathlib import Path
from typing import Iterator, NamedTuple, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'dyfadet_mm'
# layer of every folder and module right below the package
LAYERS = dict(
    version=0,
    registry=0,
    compat=0,
    utils=1,
    structures=1,
    ops=1,
    fileio=1,
    conversion=1,
    datasets=2,
    models=2,
    evaluation=2,
    visualization=2,
    zoo=2,
    engine=3,
    apis=4)
# the highest layer that a layer may import, where it is not the one below
HIGHEST = {3: 1}
# the only imports between folders of one layer
SIBLINGS = {('ops', 'structures')}
# below models/: what a folder may import from its siblings there
MODEL_PARTS = dict(
    layers=set(),
    data_preprocessors={'layers'},
    backbones={'layers'},
    frame_encoders=set(),
    necks={'layers'},
    heads={'layers', 'task_modules'},  # the type of the points, no parts
    task_modules=set(),
    losses=set(),
    postprocessors=set(),
    detectors={'layers'})  # what is derived from weights


class Import(NamedTuple):
    """One import statement.

    Attributes:
        source (tuple[str]): Module that holds it, without the package.
        target (tuple[str]): What it imports, without the package.
        where (str): File and line.
    """

    source: Tuple[str, ...]
    target: Tuple[str, ...]
    where: str


def allowed(each: Import) -> bool:
    """Whether an import obeys the table of layers."""
    source, target = each.source[0], each.target[0]
    if source == target:
        return source != 'models' or allowed_in_models(each)
    if LAYERS[target] == LAYERS[source]:
        return (source, target) in SIBLINGS
    highest = HIGHEST.get(LAYERS[source], LAYERS[source] - 1)
    return LAYERS[target] <= highest


def allowed_in_models(each: Import) -> bool:
    """Whether an import within ``models`` obeys the finer rule."""
    if len(each.source) == 1 or len(each.target) == 1:
        # models/__init__.py gathers the parts, which do not import it
        return len(each.source) == 1
    source, target = each.source[1], each.target[1]
    return source == target or target in MODEL_PARTS[source]


def imports_of(path: Path) -> Iterator[Import]:
    """The imports of our own modules in one file."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    module = parts[1:]
    is_package = module[-1] == '__init__'
    folder = module[:-1]
    source = folder if is_package else module
    tree = ast.parse(path.read_text(encoding='utf-8'))
    exempt = body_of_register_all_modules(tree)
    for node in ast.walk(tree):
        if node in exempt:
            continue
        for target in targets_of(node, folder):
            where = f'{path.relative_to(ROOT)}:{node.lineno}'
            yield Import(source, target, where)


def targets_of(node: ast.AST, folder: Tuple[str, ...]) -> list:
    """What a node imports from our package, without the package's name."""
    if isinstance(node, ast.Import):
        names = [alias.name.split('.') for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = (node.module or '').split('.') if node.module else []
        if node.level:
            kept = len(folder) - (node.level - 1)
            base = [PACKAGE, *folder[:kept], *base]
        names = [base]
        if base in ([PACKAGE], [PACKAGE, 'models']):
            # `from dyfadet_mm import ops`, `from . import layers`
            names = [[*base, alias.name] for alias in node.names]
    else:
        return []
    names = [tuple(name[1:]) for name in names if name[:1] == [PACKAGE]]
    # `from dyfadet_mm import __version__` is no module
    return [name for name in names if name and name[0] in LAYERS]


def body_of_register_all_modules(tree: ast.Module) -> set:
    """The nodes of the one function that may import upwards."""
    return {
        node
        for function in tree.body if isinstance(function, ast.FunctionDef)
        and function.name == 'register_all_modules'
        for node in ast.walk(function)
    }


def sources() -> list:
    """Every file of the package."""
    return [
        path for path in sorted((ROOT / PACKAGE).rglob('*.py'))
        if '.mim' not in path.parts and path.parent != ROOT / PACKAGE
    ]


def test_every_folder_has_a_layer():
    found = {
        path.stem
        for path in (ROOT / PACKAGE).iterdir()
        if path.suffix == '.py' or (path / '__init__.py').is_file()
    }
    assert found - {'__init__'} <= set(LAYERS)
    parts = {
        path.name
        for path in (ROOT / PACKAGE / 'models').iterdir()
        if (path / '__init__.py').is_file()
    }
    assert parts <= set(MODEL_PARTS)


@pytest.mark.parametrize(
    'path', sources(), ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_imports_point_downwards(path):
    assert [each.where for each in imports_of(path) if not allowed(each)] == []


def test_package_imports_compat_version_and_zoo_only():
    found = {
        each.target[0]
        for each in imports_of(ROOT / PACKAGE / '__init__.py')
    }
    assert found == {'compat', 'version', 'zoo'}


def test_nothing_imports_tools_configs_projects_or_tests():
    above = {'tools', 'configs', 'projects', 'tests'}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            names = [alias.name for alias in node.names] if isinstance(
                node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert not above & {name.split('.')[0] for name in names}, path


def test_every_folder_names_what_it_exports():
    for path in sorted((ROOT / PACKAGE).rglob('__init__.py')):
        if '.mim' in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding='utf-8'))
        names = {
            target.id
            for node in tree.body if isinstance(node, ast.Assign)
            for target in node.targets if isinstance(target, ast.Name)
        }
        assert '__all__' in names, path
    folders = {path.parent for path in sources()}
    assert all((folder / '__init__.py').is_file() for folder in folders)


@pytest.mark.parametrize('source, target, verdict', [
    ('ops.soft_nms', 'structures.segments', True),
    ('structures.segments', 'ops.soft_nms', False),
    ('utils.typing', 'registry', True),
    ('registry', 'utils', False),
    ('datasets.base', 'models', False),
    ('models.heads.dyhead', 'models.layers.bricks', True),
    ('models.heads.dyhead', 'models.losses', False),
    ('models.layers.bricks', 'models.heads', False),
    ('models.losses', 'structures.segments', True),
    ('models.losses', 'models', False),
    ('engine.hooks', 'datasets', False),
    ('apis.inferencer', 'engine', True),
])
def test_rule_itself(source, target, verdict):
    each = Import(
        tuple(source.split('.')), tuple(target.split('.')), 'nowhere')
    assert allowed(each) is verdict


@pytest.mark.parametrize('statement, found', [
    ('import dyfadet_mm.ops.voting', [('ops', 'voting')]),
    ('from dyfadet_mm import ops, __version__', [('ops', )]),
    ('from ..ops import soft_nms', [('ops', )]),
    ('from . import heads', [('models', 'heads')]),
    ('from .heads import DyHead', [('models', 'heads')]),
    ('import torch', []),
])
def test_imports_are_found(statement, found):
    node = ast.parse(statement).body[0]
    assert targets_of(node, ('models', )) == found
