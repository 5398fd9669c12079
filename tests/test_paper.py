"""docs/paper.md names the line of the code that does what the paper says.

``python tests/test_paper.py`` writes the lines anew.
"""
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs/paper.md'
ROW = re.compile(r'^\| ([A-Z][^|]*?) \|.*$', re.M)
LINK = re.compile(r'\[`([\w.]+)`\]\(\.\./([\w./]+\.py)#L(\d*)\)')
MARK = re.compile(r'# Eq\. \((\d+)\)(?:-\((\d+)\))?')


def find_line(path, name, number=None):
    """Where a definition starts, or its first line marked with an equation."""
    text = (ROOT / path).read_text(encoding='utf-8')
    node = ast.parse(text)
    for part in name.split('.'):
        found = [x for x in node.body if getattr(x, 'name', None) == part]
        assert found, f'{path} defines no {name}'
        node = found[0]
    lines = text.splitlines()
    for line in range(node.lineno, node.end_lineno + 1):
        for first, last in MARK.findall(lines[line - 1]):
            if number and int(first) <= number <= int(last or first):
                return line
    return node.lineno


def with_lines(text):
    """The page as it should be."""

    def lead(row):
        number = re.match(r'Eq\. \((\d+)\)', row[1])
        number = number and int(number[1])
        return LINK.sub(
            lambda x:
            f'[`{x[1]}`](../{x[2]}#L{find_line(x[2], x[1], number)})', row[0])

    return ROW.sub(lead, text)


def test_links_lead_to_what_they_name():
    text = PAGE.read_text(encoding='utf-8')
    assert text == with_lines(text), 'run python tests/test_paper.py'


def test_everything_of_the_paper_is_in_the_table():
    rows = {row[1]: row[0] for row in ROW.finditer(PAGE.read_text())}
    wanted = [f'Eq. ({i})' for i in range(1, 11)]
    wanted += ['Fig. 2', 'Fig. 3a', 'Fig. 3b', 'Tables 1-6']
    wanted += [f'Table {i}' for i in (7, 8, 10)]
    assert set(wanted) <= set(rows)
    assert all('](../' in row for name, row in rows.items() if name in wanted)


def test_marked_equations_are_those_of_the_table():
    text = PAGE.read_text(encoding='utf-8')
    for path in sorted((ROOT / 'dyfadet_mm').rglob('*.py')):
        name = path.relative_to(ROOT).as_posix()
        for i, line in enumerate(path.read_text().splitlines(), 1):
            if MARK.search(line):
                assert f'{name}#L{i})' in text, f'{name}:{i} is not there'


@pytest.mark.parametrize('scope, package', [('dyfadet_mm', 'dyfadet_mm'),
                                            ('mmdet', 'mmdet')])
def test_a_name_of_two_packages_is_that_of_the_scope(scope, package):
    import mmdet.models  # noqa: F401
    from mmdet.registry import MODELS as THEIRS
    from mmdet.registry import TASK_UTILS as THEIR_UTILS
    from mmengine.registry import MODELS as ROOT_MODELS
    from mmengine.registry import DefaultScope

    import dyfadet_mm.models  # noqa: F401
    from dyfadet_mm.registry import MODELS, TASK_UTILS
    both = (
        set(MODELS.module_dict) & set(THEIRS.module_dict)
        | set(TASK_UTILS.module_dict) & set(THEIR_UTILS.module_dict))
    text = PAGE.read_text(encoding='utf-8')
    assert both == set(re.findall(r'`(\w+)`\s+and\s+`mmdet\.\1`', text))
    with DefaultScope.overwrite_default_scope(scope):
        for registry in (MODELS, ROOT_MODELS):
            with registry.switch_scope_and_registry(None) as found:
                for name, module in (('DyHead', package), ('dyfadet_mm.DyHead',
                                                           'dyfadet_mm'),
                                     ('mmdet.DyHead', 'mmdet')):
                    cls = found.get(name)
                    assert cls.__module__.split('.')[0] == module


if __name__ == '__main__':
    PAGE.write_text(with_lines(PAGE.read_text(encoding='utf-8')), 'utf-8')
