"""Every command of the documentation runs, or says what it needs."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, NamedTuple

import pytest
import warm_python

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
#: What may stand behind ``shell`` to keep a block from being run here.
NEEDS = {'needs-data', 'needs-network', 'needs-time', 'needs-gpu'}
#: Files that a page shows and its commands read: text before the block.
FILE_NAME = re.compile(r'`([\w./-]+\.(?:py|json|yml|txt))`:\s*\Z')
BLOCK = re.compile(r'^```(\w+)([^\n]*)\n(.*?)^```$', re.M | re.S)


class Block(NamedTuple):
    """A block of code in a page."""

    language: str
    needs: str
    text: str
    before: str


def blocks_of(page: Path) -> List[Block]:
    text = page.read_text(encoding='utf-8')
    return [
        Block(match[1], match[2].strip(), match[3], text[:match.start()])
        for match in BLOCK.finditer(text)
    ]


def files_of(page: Path) -> Dict[str, str]:
    """Files that the page tells its reader to write."""
    named = ((FILE_NAME.search(block.before), block)
             for block in blocks_of(page))
    return {match[1]: block.text for match, block in named if match}


@pytest.fixture
def workplace(tmp_path):
    """What a clone has, beside results of its own."""
    for name in ('tools', 'configs', 'projects'):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_commands_run(page, workplace):
    for name, text in files_of(page).items():
        (workplace / name).write_text(text, encoding='utf-8')
    env = dict(os.environ, PATH=warm_python.search_path())
    commands = [
        block.text for block in blocks_of(page)
        if block.language == 'shell' and not block.needs
    ]
    for command in commands:
        done = subprocess.run(['bash', '-euc', command],
                              cwd=workplace,
                              env=env,
                              text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, f'{command}\n{done.stdout[-3000:]}'
    shutil.rmtree(workplace / 'work_dirs', ignore_errors=True)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_blocks_say_what_they_need(page):
    for block in blocks_of(page):
        assert block.language in ('shell', 'python', 'json', 'none', 'text')
        assert set(block.needs.split()) <= NEEDS, block.text


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_code_is_valid(page):
    for block in blocks_of(page):
        if block.language == 'python':
            compile(block.text, str(page), 'exec')
        if block.language == 'json':
            json.loads(block.text)


@pytest.mark.parametrize(
    'page', [*PAGES, ROOT / 'README.md'], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding='utf-8')
    targets = re.findall(r'\]\((?!https?:)([^)\s]+)\)', text)
    for target in targets:
        name, _, anchor = target.partition('#')
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor and file.suffix == '.md':  # lines: see test_paper.py
            titles = re.findall(r'^#+ (.+)$', file.read_text(), re.M)
            anchors = {
                re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-')
                for title in titles
            }
            assert anchor in anchors, target
