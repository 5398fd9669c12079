"""Reports and subtitles in a real browser, with a real video."""
import base64
import json
import socket

import numpy as np
import pytest
from chromium import Chromium, find_browser

from dyfadet_mm.fileio import write_video
from dyfadet_mm.visualization import write_report, write_subtitles

pytestmark = pytest.mark.skipif(
    find_browser() is None,
    reason='no Chromium; on Debian: apt-get install chromium')

CLASSES = ('run', 'jump', 'swim')
HOSTILE = ('<script>window.hacked = 1</script>', '</script><img src=x '
           'onerror="window.hacked = 2">', '"\'><b id=hacked>', '\u2028\u2029',
           'x' * 10000, '\u202eabc \u05d0\u05d1', '<!--<script>', '\ud800',
           '\x00\x1b[31m', '{{7*7}}${7*7}', '__proto__', '')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with a video of 40 seconds."""
    folder = tmp_path_factory.mktemp('report')
    frames = (np.full((96, 128, 3), 5 * i % 256, np.uint8) for i in range(160))
    write_video(str(folder / 'a #1%.mp4'), frames, 4)
    return folder


@pytest.fixture(scope='module')
def browser():
    browser = Chromium()
    yield browser
    browser.close()


def video(folder, **changes):
    out = dict(
        video_id='v0',
        duration=40.,
        video=str(folder / 'a #1%.mp4'),
        segments=[[2., 12.], [20., 26.], [30., 34.], [3., 11.]],
        scores=[0.9, 0.6, 0.3, 0.05],
        labels=[0, 1, 0, 0],
        gt_segments=[[2.5, 12.], [20., 25.]],
        gt_labels=[0, 1])
    return {**out, **changes}


@pytest.fixture(scope='module')
def page_url(folder):
    """A page of two videos."""
    path = folder / 'report.html'
    videos = [video(folder), video(folder, video_id='v1', duration=60.)]
    write_report(str(path), videos, CLASSES)
    return path.as_uri()


@pytest.fixture
def page(browser, page_url):
    """That page, which reports no error and asks for nothing outside."""
    browser.resize(1280, 900)
    browser.set_dark(False)
    browser.open(page_url)
    yield browser
    check_quiet(browser)


def check_quiet(browser):
    """Assert that nothing went wrong and nothing outside was asked for."""
    assert not browser.seen('Runtime.exceptionThrown')
    assert not browser.seen('Runtime.consoleAPICalled')
    assert not browser.seen('Log.entryAdded')
    urls = browser.seen('Network.requestWillBeSent',
                        lambda params: params['request']['url'])
    assert urls and {url.split(':')[0] for url in urls} <= {'file', 'data'}


def set_slider(browser, name, value):
    browser.run(f'(e => {{ e.value = {value}; e.dispatchEvent(new '
                f'Event("input")); }})(document.getElementById("{name}"))')
    browser.next_frame()


def text(browser, selector):
    return browser.run(f'document.querySelector({json.dumps(selector)})'
                       '.innerText')


def column(browser, number):
    return browser.run('[...document.querySelectorAll("#segments tr")].map('
                       f'row => row.children[{number}].textContent)')


def current_time(browser):
    return browser.run('document.getElementById("player").currentTime')


def click_at(browser, row, seconds, y=20, duration=40):
    """Click a moment in a row of the timeline."""
    left, top, width = browser.run(
        '(e => { e.scrollIntoView({block: "nearest"}); '
        'const b = e.getBoundingClientRect(); return [b.x, b.y, b.width]; })'
        f'(document.querySelectorAll("#rows .track canvas")'
        f'[{row}])')
    browser.click(left + seconds / duration * width, top + y)


def colored_pixels(browser):
    """How much of the timeline is neither grey nor empty."""
    return browser.run(
        '''[...document.querySelectorAll("#rows .track canvas")].map(
        canvas => {
          const copy = new OffscreenCanvas(canvas.width, canvas.height)
              .getContext("2d", {willReadFrequently: true});
          copy.drawImage(canvas, 0, 0);
          const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
          let n = 0; for (let i = 0; i < data.length; i += 4)
            if (Math.abs(data[i] - data[i + 2]) > 20) n++;
          return n; }).reduce((a, b) => a + b, 0)''')


def test_a_click_on_a_segment_seeks_the_video(page):
    page.wait('document.getElementById("player").readyState > 0')
    click_at(page, 0, 8)  # in run, from 2 to 12
    page.wait('document.getElementById("player").currentTime === 2')
    assert text(page, '#time') == '0:02.0'
    assert text(page, '#now').split() == ['run', '0.90']
    assert 'true' in page.run(
        '[...document.querySelectorAll("#segments tr")].map(row => '
        'row.getAttribute("aria-current")).join()')
    click_at(page, 1, 33)  # where there is no segment
    assert current_time(page) == pytest.approx(33, abs=0.2)
    click_at(page, 1, 22, y=6)  # ground truth
    assert current_time(page) == 20
    page.click_on('#segments tr:nth-child(2) button')
    assert current_time(page) == pytest.approx(2.5)
    set_slider(page, 'threshold', 0)
    click_at(page, 0, 8, y=45)  # what overlaps has a lane of its own
    assert current_time(page) == 3


def test_the_slider_hides_detections(page):
    assert text(page, '#count') == '3 of 4 detections'
    before = colored_pixels(page)
    set_slider(page, 'threshold', 0.7)
    assert text(page, '#count') == '1 of 4 detections'
    assert sorted(column(page, 4)) == ['0.900', 'truth', 'truth']
    assert 0 < colored_pixels(page) < 0.8 * before
    set_slider(page, 'threshold', 0)
    assert text(page, '#count') == '4 of 4 detections'
    page.click_on('#truth')
    assert 'truth' not in column(page, 4)
    set_slider(page, 'threshold', 1)
    assert 'choose a lower score' in text(page, '#nothing')
    assert colored_pixels(page) == 0


def test_the_table_sorts(page):

    def head():
        return page.run('[...document.querySelectorAll("th")].map(head => '
                        'head.getAttribute("aria-sort"))')

    page.click_on('#truth')
    assert head() == [None, 'ascending', None, None, None, None]
    assert column(page, 1) == ['2.00', '20.00', '30.00']
    page.click_on('th:nth-child(5) button')
    assert column(page, 4) == ['0.900', '0.600', '0.300']
    assert head()[4] == 'descending' and head()[1] is None
    page.click_on('th:nth-child(5) button')
    assert column(page, 4) == ['0.300', '0.600', '0.900']
    page.click_on('th:nth-child(1) button')
    assert column(page, 0) == ['jump', 'run', 'run']
    page.click_on('th:nth-child(6) button')
    assert column(page, 5) == ['0.95', '0.83', '0.00']  # tIoU, 9.5 of 10


def test_classes_are_filtered(page):
    page.click_on('#class-box summary')
    page.click_on('#class-list li:nth-child(1) input')
    assert set(column(page, 0)) == {'jump'}
    assert text(page, '#class-count') == '(1 of 2)'
    page.click_on('#all-classes')
    assert set(column(page, 0)) == {'run', 'jump'}
    page.press('Escape')
    page.click_on('#rows li:nth-child(1) > button')  # shows it alone
    assert set(column(page, 0)) == {'run'}
    page.click_on('#rows li:nth-child(1) > button')
    assert set(column(page, 0)) == {'run', 'jump'}


def test_keys(page):
    page.wait('document.getElementById("player").readyState > 0')
    for key, time in (('n', 2), ('n', 2.5), ('n', 20), ('p', 2.5),
                      ('ArrowRight', 7.5), ('ArrowLeft', 2.5)):
        page.press(key)
        assert current_time(page) == pytest.approx(time, abs=0.01), key
    page.press('ArrowRight', shift=True)
    assert current_time(page) == pytest.approx(2.7)
    for _ in range(5):
        page.press(']')
    assert text(page, '#threshold-value') == '0.35'
    page.press('g')
    assert not page.run('document.getElementById("truth").checked')
    page.press('+')
    assert float(page.run('document.getElementById("seek").max')) < 40
    page.press('0')
    page.press(' ')
    page.wait('document.getElementById("player").currentTime > 2.8')
    page.press('k')
    assert page.run('document.getElementById("player").paused')
    page.press('v')
    assert text(page, '#video-name') == 'v1'
    assert 'The video lasts 0:40.0, but' in page.wait(
        'document.getElementById("player-note").textContent')
    page.press('?')
    assert page.run('document.getElementById("help").open')
    page.click_on('#keys')
    page.click_on('#help form button')
    page.press('V', shift=True)  # keys are off
    assert text(page, '#video-name') == 'v1'


def test_names_and_order_for_screen_readers(page):
    nodes = page.send('Accessibility.getFullAXTree')['nodes']
    named = {}
    for node in nodes:
        if not node['ignored']:
            named.setdefault(node['role']['value'],
                             []).append(node.get('name', {}).get('value'))
    for role in ('button', 'slider', 'checkbox', 'columnheader', 'table',
                 'navigation', 'main'):
        assert named[role], role
    for role in ('button', 'slider', 'checkbox', 'navigation', 'region'):
        assert all(named[role]), (role, named[role])
    assert 'run: 2 detections, 1 of ground truth; see the table' in (
        named.get('image', []) + named.get('img', []))
    assert named['heading'][:2] == ['Detections', 'v0']
    seen = []
    for _ in range(30):
        page.press('Tab')
        seen.append(page.run('document.activeElement.id'))
    order = ('help-open', 'player', 'previous', 'next', 'threshold', 'truth',
             'zoom-out', 'seek', 'scroller')
    assert [each for each in dict.fromkeys(seen) if each in order] == [*order]


@pytest.mark.parametrize('width', [390, 700, 961, 1026, 1280, 1600])
def test_names_have_room_in_the_table(page, width):
    page.resize(width, 844)
    room = page.run('document.querySelector("tbody td").clientWidth')
    assert room > 70
    page.resize(1280, 900)


def test_phone_and_dark_mode(page):
    page.resize(390, 844, mobile=True)
    page.next_frame()
    assert page.run('document.documentElement.scrollWidth') == 390
    click_at(page, 0, 8)
    page.wait('document.getElementById("player").currentTime === 2')

    def lightness():
        return page.run('getComputedStyle(document.body).backgroundColor'
                        '.match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + '
                        '+b)')

    def corner():
        return page.run(
            '[...document.querySelector("#rows .track canvas").getContext'
            '("2d").getImageData(1, 20, 1, 1).data]')

    assert lightness() > 600 and corner()[0] > 200
    page.set_dark(True)
    page.next_frame()
    page.next_frame()
    assert lightness() < 150 and corner()[0] < 100


def test_hostile_names_are_only_shown(browser, folder):
    path = folder / 'hostile.html'
    count = len(HOSTILE)
    videos = [
        dict(
            video_id=name,
            duration=30.,
            segments=[[i, i + 2.] for i in range(count)],
            scores=[0.9] * count,
            labels=list(range(count))) for name in HOSTILE
    ]
    write_report(str(path), videos, HOSTILE, title=HOSTILE[1])
    browser.resize(390, 844)
    browser.open(path.as_uri())
    assert browser.run('document.title') == HOSTILE[1]
    assert text(browser, '#title') == HOSTILE[1]
    assert column(browser, 0)[:3] == [*HOSTILE[:3]]
    for name in HOSTILE:
        shown = browser.run(
            'document.getElementById("video-name").textContent')
        if name.isprintable() and name:
            assert shown == name[:1000] + '\u2026' * (len(name) > 1000)
        assert browser.run('document.documentElement.scrollWidth') == 390
        browser.press('v')
    browser.resize(1280, 844)
    assert browser.run('document.documentElement.scrollWidth') == 1280
    assert browser.run('document.scripts.length') == 2
    assert browser.run('typeof window.hacked') == 'undefined'
    assert not browser.run('document.querySelector("img, b")')
    check_quiet(browser)


def test_a_file_that_is_no_video_leaves_the_rest(browser, folder):
    broken = folder / 'broken.mp4'
    broken.write_text('none')
    path = folder / 'broken.html'
    write_report(
        str(path), [
            video(folder, video=str(broken)),
            video(folder, video=None, duration=None)
        ], CLASSES)
    browser.resize(1280, 900)
    browser.open(path.as_uri())
    assert 'cannot play' in browser.wait(
        'document.getElementById("player-note").textContent')
    assert browser.run('document.getElementById("player").hidden')
    click_at(browser, 0, 8)
    assert text(browser, '#time') == '0:02.0'
    browser.press('v')
    assert 'No video file' in text(browser, '#player-note')
    assert text(browser, '#length') == '0:34.0'  # the last end
    check_quiet(browser)


def test_a_video_within_the_page_plays(browser, folder):
    path = folder / 'embedded.html'
    write_report(
        str(path), [video(folder, duration=None)], CLASSES, embed_video=True)
    browser.open(path.as_uri())
    browser.wait('document.getElementById("player").readyState > 0')
    click_at(browser, 0, 8)
    browser.wait('document.getElementById("player").currentTime === 2')
    assert text(browser, '#length') == '0:40.0'  # what the file says
    check_quiet(browser)


def test_thousands_of_detections_stay_fluid(browser, folder):
    rng = np.random.RandomState(0)
    starts = rng.uniform(0, 3000, 5000)
    many = dict(
        video_id='many',
        duration=3600.,
        segments=np.stack([starts, starts + rng.exponential(9, 5000)], 1),
        scores=rng.uniform(size=5000),
        labels=rng.randint(20, size=5000))
    path = folder / 'many.html'
    write_report(str(path), [many], score_thr=0.)
    browser.open(path.as_uri())
    assert text(browser, '#count') == '5,000 of 5,000 detections'
    assert len(column(browser, 0)) == 100
    assert 'Show 100 more' == text(browser, '#more')
    steps = (0.2, 0.4, 0.6)
    before = browser.cpu_seconds()
    for score in steps:
        set_slider(browser, 'threshold', score)
        assert text(
            browser,
            '#count').startswith(f'{(many["scores"] >= score).sum():,} of')
    seconds = (browser.cpu_seconds() - before) / len(steps)
    print(f'{1000 * seconds:.0f} ms of the processor for a step')
    assert seconds < 0.25
    check_quiet(browser)


def test_the_policy_forbids_requests(browser, page_url):
    """Should some code get in, it is not run, and could load nothing."""
    server = socket.create_server(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{server.getsockname()[1]}/'
    browser.open(page_url)
    browser.run('''(url => {
        window.blocked = [];
        document.addEventListener("securitypolicyviolation",
            event => blocked.push(event.effectiveDirective));
        fetch(url + "fetch").catch(() => 0);
        new Image().src = url + "image";
        document.getElementById("player").src = url + "video";
        const add = (tag, options) => document.body.append(
            Object.assign(document.createElement(tag), options));
        add("script", {src: url + "script"});
        add("script", {textContent: "window.hacked = 3"});
        add("link", {rel: "stylesheet", href: url + "style"});
    })''' + f'("{url}")')
    browser.wait('["connect", "img", "media", "script", "style"]'
                 '.every(kind => blocked.some(each => each.startsWith(kind)))')
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.accept()
    server.close()
    assert browser.run('typeof window.hacked') == 'undefined'


def test_webvtt_as_a_browser_reads_it(browser, folder):
    path = folder / 'cues.vtt'
    write_subtitles(
        str(path),
        dict(
            segments=[[5., 7.], [1., 3661.25], [1., 2.]],
            scores=[0.9, 0.8, 0.7],
            labels=[0, 1, 2]), [
                '<b>a</b> --> &amp;\n\n00:01 --> 00:02\nx', 'jump',
                '\u8df3 \u0642\u0641\u0632'
            ])
    link = base64.b64encode(path.read_bytes()).decode()
    browser.open('about:blank')
    cues = browser.run('''new Promise(done => {
        const video = document.createElement("video");
        const track = document.createElement("track");
        track.addEventListener("load", () => done([...track.track.cues].map(
            cue => [cue.startTime, cue.endTime,
                    cue.getCueAsHTML().textContent])));
        video.append(track);
        track.src = "data:text/vtt;base64,LINK";
        track.track.mode = "showing";
    })'''.replace('LINK', link))
    assert cues == [[1, 3661.25, 'jump 0.80'],
                    [1, 2, '\u8df3 \u0642\u0641\u0632 0.70'],
                    [5, 7, '<b>a</b> --> &amp; 00:01 --> 00:02 x 0.90']]
