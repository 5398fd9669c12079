import base64
import hashlib
import html.parser
import json
import os
import re

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from dyfadet_mm.visualization import write_report
from dyfadet_mm.visualization.report import content
from dyfadet_mm.visualization.styles import ClassStyles

CLASSES = ('run', 'jump', 'swim')


def video(**changes):
    out = dict(
        video_id='v0',
        duration=40.,
        segments=torch.tensor([[3., 11.], [20., 27.5]]),
        scores=torch.tensor([0.25, 0.75]),
        labels=torch.tensor([0, 2]))
    return {**out, **changes}


class Page(html.parser.HTMLParser):
    """What a page holds, as a browser divides it."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.attributes, self._open = {}, [], []
        with open(path, encoding='utf-8') as file:
            self.feed(file.read())
        self.data = json.loads(self.texts['script', 0])

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attr) for attr in attrs]
        self._open = [tag, sum(key[0] == tag for key in self.texts)]

    def handle_data(self, data):
        if self._open and self._open[0] in ('script', 'style', 'title'):
            key = tuple(self._open)
            self.texts[key] = self.texts.get(key, '') + data

    def handle_endtag(self, tag):
        self._open = []


def write(tmp_path, *videos, **options):
    path = tmp_path / 'new' / 'report.html'
    write_report(str(path), videos or [video()], CLASSES, **options)
    return Page(path)


def test_the_page_holds_all_detections_best_first(tmp_path):
    data = write(tmp_path, score_thr=0.5).data
    assert data['threshold'] == 0.5 and data['title'] == 'v0'
    assert data['summary'] == '1 video, 2 classes, 2 detections'
    assert [each['name'] for each in data['classes']] == ['run', 'swim']
    only, = data['videos']
    assert only['found'] == dict(
        starts=[20, 3], ends=[27.5, 11], labels=[1, 0], scores=[0.75, 0.25])
    assert only['truth'] is None and only['file'] is None
    few = write(tmp_path, max_detections=1, overwrite=True).data
    assert few['videos'][0]['found']['scores'] == [0.75]


def test_ground_truth_without_actions_is_not_none(tmp_path):
    data = write(tmp_path, video(gt_segments=np.zeros((0, 2)),
                                 gt_labels=[])).data
    assert data['videos'][0]['truth'] == dict(starts=[], ends=[], labels=[])


def test_colours_are_those_of_the_pictures(tmp_path):
    many = video(
        segments=[[i, i + 1] for i in range(12)],
        scores=[0.5] * 12,
        labels=list(range(12)))
    path = tmp_path / 'report.html'
    write_report(str(path), [many])
    styles = ClassStyles(range(12))
    for label, each in enumerate(Page(path).data['classes']):
        patch = styles.patch(label)
        assert np.allclose(
            to_rgb(each['color']), patch['facecolor'], atol=1 / 255)
        assert each['hatch'] == patch['hatch']


def test_only_its_own_script_and_style_are_allowed(tmp_path):
    page = write(tmp_path)
    policy = next(value for tag, name, value in page.attributes
                  if name == 'content' and 'default-src' in value)
    for kind, text in (('script', page.texts['script',
                                             1]), ('style', page.texts['style',
                                                                       0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
        assert f"{kind}-src 'sha256-{digest.decode()}';" in policy
    assert "default-src 'none'" in policy and 'unsafe' not in policy
    loading = [
        attr for attr in page.attributes
        if attr[1] in ('src', 'href', 'style') or attr[1].startswith('on')
    ]
    assert not loading
    assert 'innerHTML' not in page.texts['script', 1]
    assert not re.search(r'https?://', page.texts['script', 1])


@pytest.mark.parametrize('name', [
    '</script><script>alert(1)</script>', '<!--<script>', '\u2028"\'&<b>',
    '\ud800', 'x' * 10000, '\x00'
])
def test_names_are_data(tmp_path, name):
    path = tmp_path / 'report.html'
    write_report(
        str(path), [video(video_id=name)], [name, 'a', 'b'], title=name)
    page = Page(path)
    assert sum(tag == 'script' for tag, _ in page.texts) == 2
    assert page.data['videos'][0]['name'] == page.data['title'] == name
    assert page.data['classes'][0]['name'] == name
    assert '<' not in page.texts['script', 0]


def test_video_files_are_linked_from_the_page(tmp_path):
    file = tmp_path / 'videos' / 'a: #1?"%é.mp4'
    file.parent.mkdir()
    file.write_bytes(b'video')
    link, = (
        each['file']
        for each in write(tmp_path, video(video=str(file))).data['videos'])
    assert link == dict(
        name=file.name, source='./../videos/a%3A%20%231%3F%22%25%C3%A9.mp4')
    link, = (
        each['file'] for each in write(
            tmp_path, video(video=str(file)), embed_video=True,
            overwrite=True).data['videos'])
    head, _, body = link['source'].partition(',')
    assert head == 'data:video/mp4;base64'
    assert base64.b64decode(body) == b'video'


@pytest.mark.parametrize('changes, message', [
    (dict(scores=[0.5]), "scores of video 'v0' must be one per segment, 2, "
     'but got 1'),
    (dict(scores=[0.5, np.nan]), 'scores of .* must be finite, but got nan'),
    (dict(segments=[[0, 1], [0, np.inf]]), 'segments of .* must be finite'),
    (dict(gt_segments=[[0, 1]], gt_labels=[]), 'gt_labels of .* but got 0'),
])
def test_wrong_arrays_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path, video(**changes))
    assert not list(tmp_path.rglob('*.html'))


def test_other_errors(tmp_path, monkeypatch):
    path = str(tmp_path / 'report.html')
    with pytest.raises(ValueError, match='at least one'):
        write_report(path, [])
    with pytest.raises(ValueError, match='score_thr must be in'):
        write_report(path, [video()], score_thr=2)
    with pytest.raises(FileNotFoundError, match="'none.mp4'"):
        write_report(path, [video(video='none.mp4')])
    file = tmp_path / 'large.mp4'
    file.write_bytes(b'12345')
    monkeypatch.setattr(content, 'MAX_EMBEDDED', 4)
    with pytest.raises(ValueError, match='large.mp4.* link it instead'):
        write_report(path, [video(video=str(file))], embed_video=True)
    assert os.listdir(tmp_path) == ['large.mp4']


def test_a_file_of_the_user_stays(tmp_path):
    path = tmp_path / 'report.html'
    path.write_text('mine')
    with pytest.raises(FileExistsError, match='must be new'):
        write_report(str(path), [video()])
    assert path.read_text() == 'mine'
    write_report(str(path), [video()], overwrite=True)
    assert 'mine' != path.read_text()
    assert os.listdir(tmp_path) == ['report.html']
