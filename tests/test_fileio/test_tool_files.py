"""Files of annotation tools: what was written is read back, to the frame."""
import json
import math
import re
import warnings
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.fileio.annotation_tools import (read_cvat, read_elan,
                                                read_label_studio, read_table,
                                                read_via, read_x_anylabeling,
                                                write_cvat, write_elan,
                                                write_label_studio,
                                                write_table, write_via)
from dyfadet_mm.fileio.annotation_tools.labeling_config import \
    read_labeling_config
from dyfadet_mm.fileio.annotation_tools.records import (Action, ToolVideo,
                                                        video_id_of)

RATES = (23.976, 24000 / 1001, 25., 29.97, 30., 59.94)
LABELS = ('pour', 'say "hi"', "it's", 'a, b', '\u8df3\u9ad8', '\U0001f3c3 run',
          '<b>&amp;', 'two\nlines', 'pour (2)', '=1+1', '0')
# a tab and a line end can be in XML, other control characters cannot
TEXTS = st.one_of(
    st.sampled_from(LABELS),
    st.text(
        st.characters(
            exclude_categories=('Cs', 'Cc'),
            exclude_characters='\ufffe\uffff',
            include_characters='\n\t'),
        min_size=1,
        max_size=12).filter(str.strip))


@st.composite
def tool_videos(draw):
    """Videos whose actions last a frame or more, with scores or without."""
    labels = draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True))
    scored = draw(st.booleans())
    videos = {}
    for name in draw(
            st.lists(
                st.sampled_from(('a', 'b.1', 'c/d e', '\u89c6\u9891', "q'%")),
                min_size=1,
                unique=True)):
        fps = draw(st.sampled_from(RATES))
        duration = draw(st.integers(2000, 100000)) / 1000
        actions = []
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.sampled_from((0, None)))
            end = draw(st.sampled_from((duration, None)))
            longest = duration - 2 / fps
            start = draw(st.floats(0, longest)) if start is None else start
            if end is None:
                end = draw(st.floats(start + 1 / fps, duration))
            score = draw(st.floats(0, 1)) if scored else None
            actions.append(
                Action(start, end, draw(st.sampled_from(labels)), score))
        videos[name] = ToolVideo(
            actions, duration=duration, fps=fps, file=f'{name}.mp4')
    return videos, labels


def write_and_read(name, videos, labels, folder):
    """Write videos in a format, and read them back, in seconds."""
    path = str(folder / name)
    if name == 'ls.json':
        write_label_studio(path, videos, labels)
        accept_predictions(folder / name)
        return read_label_studio(path, str(folder / 'ls.xml')).videos
    if name == 'via.json':
        write_via(path, videos, labels)
        return read_via(path).videos
    if name == 't.csv' or name == 't.tsv':
        write_table(path, videos, labels)
        return read_table(path).videos
    found = {}
    for number, (video_id, video) in enumerate(videos.items()):
        path = str(folder / f'{number}{name}')
        if name == '.xml':
            write_cvat(path, video_id, video, labels)
            found.update(read_cvat(path).videos)
        else:
            write_elan(path, video_id, video, labels)
            found.update(read_elan(path).videos)
    return found


def accept_predictions(path):
    """What a person does who finds all predictions right."""
    tasks = json.loads(path.read_text(encoding='utf-8'))
    for task in tasks:
        for prediction in task['predictions']:
            task['annotations'].append(dict(result=prediction['result']))
    path.write_text(json.dumps(tasks))


# how far times may move, in seconds, at a frame rate
HALF_FRAME = 0.5 + 1e-6
MOVES = {
    'ls.json': lambda fps: HALF_FRAME / fps,
    '.xml': lambda fps: HALF_FRAME / fps,
    '.eaf': lambda fps: 0.5001e-3,
    'via.json': lambda fps: 0,
    't.csv': lambda fps: 0,
    't.tsv': lambda fps: 0
}


@pytest.mark.parametrize('name', MOVES)
@given(tool_videos())
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read_back(tmp_path_factory, name, drawn):
    videos, labels = drawn
    folder = tmp_path_factory.mktemp('tool')
    found = write_and_read(name, videos, labels, folder)
    assert set(found) == set(videos)
    for video_id, video in videos.items():
        back = found[video_id].in_seconds(video.fps)
        assert largest_move(video, back) <= MOVES[name](video.fps)


def largest_move(video, back):
    """Largest change of a time, in seconds; no label may change."""
    # the order of equal or nearly equal actions is free, as tiers of ELAN are
    moves = [0]
    for old, new in zip(*(by_label(each.actions) for each in (video, back))):
        assert old[0] == new[0] and len(old[1]) == len(new[1])
        moves += [abs(a - b) for a, b in zip(old[1] + old[2], new[1] + new[2])]
    assert len(video.actions) == len(back.actions)
    return max(moves)


def by_label(actions):
    """Every label with its starts and its ends, sorted."""
    return [(label, *(sorted(a[side] for a in actions if a.label == label)
                      for side in (0, 1)))
            for label in sorted({a.label
                                 for a in actions})]


def test_elan_file_is_sound(tmp_path):
    """Slots are in order, intervals of a tier apart, all references exist."""
    path = str(tmp_path / 'a.eaf')
    actions = [
        Action(0, 2, 'pour'),
        Action(1, 3, 'pour'),
        Action(1.5, 2.5, 'pour'),
        Action(2, 4, 'pour (2)'),
        Action(3, 3.0001, 'stir')
    ]
    video = ToolVideo(actions, file='x y.mp4')
    write_elan(path, 'x', video, ['pour', 'pour (2)', 'stir', 'wash'])
    from pympi.Elan import Eaf
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # as of a version it does not know
        eaf = Eaf(path)
    assert set(eaf.get_tier_names()) == {
        'pour', 'pour (2)', 'pour (3)', 'pour (4)', 'stir', 'wash'
    }
    times = list(eaf.timeslots.values())
    assert times == sorted(times)
    for tier in eaf.get_tier_names():
        spans = sorted(x[:2] for x in eaf.get_annotation_data_for_tier(tier))
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))
    media, = eaf.get_linked_files()
    assert media['MEDIA_URL'] == './x%20y.mp4'
    assert media['RELATIVE_MEDIA_URL'] == './x.mp4'
    root = ElementTree.parse(path).getroot()
    assert root.get('FORMAT') == '3.0'
    assert root.find('HEADER').get('TIME_UNITS') == 'milliseconds'
    # the label is the value, or the tier where a person has left that empty
    text = (tmp_path / 'a.eaf').read_text()
    (tmp_path / 'b.eaf').write_text(
        text.replace('<ANNOTATION_VALUE>stir<', '<ANNOTATION_VALUE><'))
    labels = [
        a.label for a in read_elan(str(tmp_path / 'b.eaf')).videos['x'][0]
    ]
    assert sorted(labels) == ['pour'] * 3 + ['pour (2)', 'stir']
    assert [
        a.label for a in read_elan(path, label_from='tier').videos['x'].actions
    ].count('pour') == 4


def test_cvat_track_is_as_its_makers_advise(tmp_path):
    path = str(tmp_path / 'a.xml')
    video = ToolVideo(
        [Action(1., 2., 'run', 0.9),
         Action(8., 10., 'run', 0.8)],
        duration=10.,
        fps=25.,
        file='a.mp4',
        size=(64, 48))
    write_cvat(path, 'a', video, ['run'])
    root = ElementTree.parse(path).getroot()
    assert root.findtext('version') == '1.1'
    first, last = root.iterfind('track')
    assert [(b.get('frame'), b.get('outside')) for b in first] == [('25', '0'),
                                                                   ('50', '1')]
    # there is no frame 250 in a task of 250 frames
    assert [(b.get('frame'), b.get('outside')) for b in last] == [('200', '0')]
    assert (first[0].get('xbr'), first[0].get('ybr')) == ('64', '48')
    assert first.get('source') == 'auto'


def test_cvat_exports_of_tracks_in_pieces_and_of_projects(tmp_path):
    """CVAT writes a box for every frame, and tasks of a project by ids."""
    boxes = ''.join(
        f'<box frame="{frame}" outside="{int(frame in (12, 16))}"/>'
        for frame in (10, 11, 12, 14, 15, 16, 19))
    tasks = ''.join(
        f'<task><id>{n}</id><size>20</size><source>{n}.mp4</source></task>'
        for n in (7, 8))
    path = tmp_path / 'a.xml'
    path.write_text(
        f'<annotations><meta><project><tasks>{tasks}</tasks></project></meta>'
        f'<track id="0" label="run" task_id="8">{boxes}</track></annotations>')
    videos = read_cvat(str(path)).videos
    assert list(videos) == ['7', '8'] and not videos['7'].actions
    assert [a[:2] for a in videos['8'].actions] == [(10, 12), (14, 16),
                                                    (19, 20)]
    assert videos['8'].in_seconds(10.).duration == 2.
    with pytest.raises(KeyError, match='frames per second.*--fps'):
        videos['8'].in_seconds()


def label_studio(tmp_path, *tasks):
    path = tmp_path / 'export.json'
    path.write_text(json.dumps(list(tasks)))
    return str(path)


def task(*annotations, **data):
    return dict(
        id=3,
        data=dict(dict(video='/data/upload/1/0a1b2c3d-a.mp4'), **data),
        annotations=list(annotations))


def region(start, end, *labels, **fields):
    value = dict(
        ranges=[dict(start=start, end=end)], timelinelabels=list(labels))
    return dict(dict(id='r', type='timelinelabels', value=value), **fields)


def config(tmp_path, rate='', label='run', name='labels.xml'):
    path = tmp_path / name
    path.write_text(
        f'<View><Video name="v" value="$video" {rate}/><TimelineLabels '
        f'name="t" toName="v"><Label value="{label}"/></TimelineLabels></View>'
    )
    return str(path)


@pytest.mark.parametrize('rate, data, expected', [
    ('', {}, 24),
    ('frameRate="25.0"', {}, 25),
    ('framerate="30"', {}, 30),
    ('frameRate="0.04"', {}, 25),
    ('frameRate="$fps"', dict(fps=29.97), 29.97),
    ('frameRate="$fps"', {}, 24),
    ('frameRate="fast"', {}, 24),
])
def test_label_studio_counts_frames_by_its_config(tmp_path, rate, data,
                                                  expected):
    path = label_studio(tmp_path,
                        task(dict(result=[region(48, 96, 'run')]), **data))
    found = read_label_studio(path, config(tmp_path, rate))
    action, = found.videos['a'].in_seconds(60.).actions
    assert action[:2] == pytest.approx((48 / expected, 96 / expected))
    assert f'frames / {expected:g}, the frame rate of' in found.notes[0]


def test_label_studio_annotation_that_counts(tmp_path):
    results = [
        dict(result=[region(1, 2, 'a')]),
        dict(result=[region(3, 4, 'b')]),
        dict(result=[region(5, 6, 'c')], was_cancelled=True)
    ]
    path = label_studio(tmp_path, task(*results),
                        task(results[2], video='s3://bucket/b.mp4'))
    for choice, label in (('last', 'b'), ('first', 'a')):
        found = read_label_studio(path, frame_rate=24, annotation=choice)
        assert [a.label for a in found.videos['a'].actions] == [label]
        assert f'the {choice} one that is not cancelled' in found.notes[2]
    # a video without annotations stays
    assert found.videos['b'].actions == []
    assert '1 tasks have no annotation' in found.notes[1]


def test_labeling_config_names_several_rates(tmp_path):
    video = ToolVideo([Action(0, 1, 'run', 0.5)], fps=25., file='a.mp4')
    for fps, rate in ((25., '25.0'), (30., '$fps')):
        write_label_studio(
            str(tmp_path / 'ls.json'),
            dict(a=video, b=video._replace(fps=fps)), ['run'])
        found = read_labeling_config(str(tmp_path / 'ls.xml'))
        assert found.rate == rate
    tasks = json.loads((tmp_path / 'ls.json').read_text())
    assert [t['data']['fps'] for t in tasks] == [25., 30.]
    assert tasks[0]['predictions'][0]['result'][0]['value'] == {
        'ranges': [dict(start=0, end=25)],
        'timelinelabels': ['run']
    }


VIA = dict(
    project={},
    attribute={
        '1':
        dict(
            aname='act',
            anchor_id='FILE1_Z2_XY0',
            type=2,
            options={
                '0': 'run',
                '1': 'jump'
            })
    },
    file={'1': dict(fid=1, fname='a.mp4')},
    view={'1': dict(fid_list=[1])})


def via(tmp_path, *segments, **parts):
    path = tmp_path / 'via.json'
    metadata = {f'm{i}': each for i, each in enumerate(segments)}
    path.write_text(json.dumps(dict(dict(VIA, metadata=metadata), **parts)))
    return str(path)


def test_via_checkboxes_texts_and_regions(tmp_path):
    segment = dict(vid='1', z=[1, 2], xy=[], av={'1': '0,1'})
    box = dict(vid='1', z=[1], xy=[2, 0, 0, 5, 5], av={})
    found = read_via(via(tmp_path, segment, box))
    assert found.videos['a'].actions[1][:3] == (1, 2, 'jump')
    assert found.dropped['regions that are no temporal segments'] == 1
    attribute = dict(VIA['attribute']['1'], type=1)
    found = read_via(
        via(tmp_path,
            segment,
            attribute={
                '1': attribute,
                '2': dict(attribute, aname='note')
            }), 'act')
    assert [a.label for a in found.videos['a'].actions] == ['0,1']


def test_x_anylabeling(tmp_path):
    path = tmp_path / 'a.json'
    content = dict(
        video='b.mp4',
        fps=25,
        duration_ms=5000,
        segments=[dict(label='run', start_ms=40, end_ms=1000)])
    path.write_text(json.dumps(content))
    video = read_x_anylabeling(str(path)).videos['b']
    assert video.actions[0][:3] == (0.04, 1., 'run')
    assert (video.duration, video.fps) == (5., 25.)


def csv(tmp_path, *lines):
    path = tmp_path / 'a.csv'
    path.write_text('\n'.join(('video,start,end,label', *lines)))
    return str(path)


def eaf(tmp_path, old, new):
    path = tmp_path / 'a.eaf'
    write_elan(
        str(path), 'a', ToolVideo([Action(1, 2, 'run')], file='a.mp4'),
        ['run'])
    path.write_text(re.sub(old, new, path.read_text()))
    return str(path)


def cvat(tmp_path, label='run', frame='3', outside='outside="0"', more=''):
    path = tmp_path / 'a.xml'
    path.write_text(
        '<annotations><meta><task><labels><label><name>run</name></label>'
        f'</labels></task></meta><track id="5" label="{label}">'
        f'<box frame="{frame}" {outside}/>{more}</track></annotations>')
    return str(path)


def labelled(tmp_path, *regions, **kwargs):
    return read_label_studio(
        label_studio(tmp_path, task(dict(result=list(regions)))), **kwargs
        or dict(frame_rate=24))


ONE = dict(vid='1', z=[1, 2], xy=[], av={'1': '0'})
BOMB = ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha">'
        '<!ENTITY y SYSTEM "file:///etc/passwd">]>{}')


@pytest.mark.parametrize('read, complaint', [
    (lambda p: labelled(p, region(9, 5, 'run')),
     "json', task 3, region 'r': an action must not end before .* 9 to 5 fr"),
    (lambda p: labelled(p, region(-1, 5, 'run')), 'task 3.*start must be'),
    (lambda p: labelled(p, region(1, 'x', 'run')), 'task 3.*end must be'),
    (lambda p: labelled(p, region(1, 2)), 'task 3.*a list of labels'),
    (lambda p: labelled(p, region(1, 2, '')), 'task 3.*must not be empty'),
    (lambda p: labelled(p, region(1, 2, 7)), 'task 3.*must be text'),
    (lambda p: labelled(p, dict(type='rectanglelabels', value={'x': 1})),
     "kind 'timelinelabels', but got only .'rectanglelabels'"),
    (lambda p: labelled(p, labeling_config=None),
     'frame rate of Label Studio'),
    (lambda p: labelled(p, region(1, 2, 'hop'), labeling_config=config(p)),
     "task 3.*labelling config, but got 'hop'"),
    (lambda p: labelled(p, labeling_config=cvat(p)),
     "outermost element <View>"),
    (lambda p: read_label_studio(
        label_studio(p, dict(video='a.mp4', t=[])), frame_rate=24),
     "task 1 must have 'data'.*not as JSON-MIN"),
    (lambda p: read_label_studio(
        label_studio(p, task(video='/data/local-files/?d=../../a.mp4')),
        frame_rate=24), "video id '../../a' of .*task 3.*leads elsewhere"),
    (lambda p: read_label_studio(
        label_studio(p, task(video_id='a/../b')), frame_rate=24),
     "video id 'a/../b'"),
    (lambda p: read_label_studio(
        label_studio(p, task(), dict(task(), id=4)), frame_rate=24),
     "task 4: video 'a' must be there once, but is at .*task 3"),
    (lambda p: read_label_studio(via(p), frame_rate=24), 'a list of tasks'),
    (lambda p: read_cvat(cvat(p, label='hop')),
     "xml', track '5': label must be one of the 1 of the task, but got 'hop'"),
    (lambda p: read_cvat(cvat(p, frame='-3')), "track '5': frame must be"),
    (lambda p: read_cvat(cvat(p, frame='\u00b2')), "track '5': frame must be"),
    (lambda p: read_cvat(cvat(p, outside='outside="2"')),
     "track '5': outside must be"),
    (lambda p: read_cvat(cvat(p, outside='')),
     "track '5' must have the attribute 'outside'"),
    (lambda p: read_cvat(cvat(p, more='<image')), 'must be XML.*line 1'),
    (lambda p: read_via(via(p, dict(ONE, z=[3, 2]))),
     "metadata 'm0': an action must not end before it starts"),
    (lambda p: read_via(via(p, dict(ONE, z=[-1, 2]))), "'m0': start must be"),
    (lambda p: read_via(via(p, dict(ONE, vid='9'))), "'m0': 'vid' must be"),
    (lambda p: read_via(via(p, dict(ONE, av={'1': '5'}))),
     "'m0': label must be one of the options"),
    (lambda p: read_via(via(p, dict(ONE, av={}))), "'m0': 'av' must have"),
    (lambda p: read_via(via(p, ONE), 'other'), "'act'.*--attribute"),
    (lambda p: read_via(label_studio(p)), 'must be a project of VIA 3'),
    (lambda p: read_via(via(p, file={'1': dict(fname='../a.mp4')})),
     "view '1' must be the name of a video"),
    (lambda p: read_elan(eaf(p, 'TIME_VALUE="2000"', 'TIME_VALUE="500"')),
     "tier 'run', annotation 'a2': an action must not end"),
    (lambda p: read_elan(eaf(p, ' TIME_VALUE="2000"', '')),
     "annotation 'a2': end must be a number of milliseconds"),
    (lambda p: read_elan(eaf(p, 'TIME_VALUE="2000"', 'TIME_VALUE="x"')),
     "eaf' must be one that ELAN can open"),
    (lambda p: read_elan(eaf(p, r'="\./a.mp4"', '="./../../a.mp4"')),
     "video id '../../a'"),
    (lambda p: read_elan(cvat(p)), '<ANNOTATION_DOCUMENT>, but got <annotat'),
    (lambda p: read_table(csv(p, 'a.mp4,2,1,run')),
     "csv', line 2: an action must not end"),
    (lambda p: read_table(csv(p, 'a.mp4,-2,1,run')), 'line 2: start must be'),
    (lambda p: read_table(csv(p, 'a.mp4,nan,1,run')), 'line 2: start must be'),
    (lambda p: read_table(csv(p, 'a.mp4,1,2,')), 'line 2: label must not'),
    (lambda p: read_table(csv(p, 'a.mp4,1,2,a,b')), 'line 2 must have 4 cel'),
    (lambda p: read_table(csv(p, ',1,2,a')), 'line 2: video must not be'),
    (lambda p: read_table(csv(p, '../a.mp4,1,2,a')),
     "line 2 must be the name"),
    (lambda p: read_table(cvat(p)), r"must have the columns \['video'"),
])
def test_wrong_files_are_refused_by_place(tmp_path, read, complaint):
    with pytest.raises((KeyError, TypeError, ValueError), match=complaint):
        read(tmp_path)


@pytest.mark.parametrize('read, root', [(read_cvat, 'annotations'),
                                        (read_elan, 'ANNOTATION_DOCUMENT'),
                                        (read_labeling_config, 'View')])
def test_entities_are_refused(tmp_path, read, root):
    path = tmp_path / 'a.xml'
    path.write_text(BOMB.format(f'<{root}>&x;&y;</{root}>'))
    with pytest.raises(ValueError, match='must have no document type'):
        read(str(path))


@pytest.mark.parametrize('label', ['a\0b', 'a\rb', '\ud800'])
def test_labels_that_xml_cannot_hold_are_refused(tmp_path, label):
    video = ToolVideo([Action(0, 1, label)],
                      duration=2.,
                      fps=25.,
                      file='a.mp4')
    for write in (write_cvat, write_elan):
        path = tmp_path / 'a.xml'
        with pytest.raises(ValueError, match='labels must have no control'):
            write(str(path), 'a', video, [label])
        assert not path.exists()


@pytest.mark.parametrize('name, expected', [
    ('/data/upload/12/deadbeef-my clip.MP4', 'my clip'),
    ('https://host/v/a%20b.webm?token=1', 'a b'),
    ('file:///C:/x/a.mov', 'a'),
    ('C:\\x\\a.mov', 'a'),
    ('v1.2', 'v1.2'),
    ('deadbeef-a.mp4', 'deadbeef-a'),
])
def test_ids_are_names_of_files(name, expected):
    assert video_id_of(name) == expected


def test_frames_are_rounded_to_the_nearest(tmp_path):
    """Of several actions at all rates, no time moves by half a frame."""
    for fps in RATES:
        times = [i / 7 for i in range(1, 60)]
        video = ToolVideo([Action(t, t + 1, 'run') for t in times],
                          duration=20.,
                          fps=fps,
                          file='a.mp4')
        path = str(tmp_path / 'a.xml')
        write_cvat(path, 'a', video, ['run'])
        back = read_cvat(path).videos['a'].in_seconds(fps)
        moves = [
            abs(a - b) * fps for old, new in zip(video.actions, back.actions)
            for a, b in zip(old[:2], new[:2])
        ]
        assert max(moves) < 0.5 + 1e-9 and not math.isclose(max(moves), 0)
