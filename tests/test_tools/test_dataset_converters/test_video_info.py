import pytest


def test_unreadable_video_is_named(converter, tmp_path):
    (tmp_path / 'broken.mp4').write_text('no video')
    with pytest.raises(ValueError, match='broken.mp4'):
        converter('video_info').read_video_info(str(tmp_path), ['broken'])


@pytest.mark.parametrize('name, content, complaint', [
    ('a.csv', 'name,fps\nall,3\n', r"without \['video_id'\]"),
    ('a.csv', 'video_id,fps\n,3\n', 'line 2: video_id must not be empty'),
    ('a.csv', 'video_id,fps\nall,x\n', "a.csv.*fps of video 'all'"),
    ('a.json', '[1]', 'must map video ids'),
    ('a.json', '{"all": 30}', 'must map video ids'),
    ('a.json', '{"all": {"duration": -1}}', "duration of video 'all'"),
])
def test_bad_tables(converter, tmp_path, name, content, complaint):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises((KeyError, TypeError, ValueError), match=complaint):
        converter('video_info').read_video_info(str(path), ['all'])
