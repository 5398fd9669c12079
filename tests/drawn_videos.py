"""Small videos of detections and actions, by hand and drawn."""
from hypothesis import strategies as st


def detections(*rows):
    """Rows of (start, end, score, label)."""
    return dict(
        segments=[row[:2] for row in rows],
        scores=[row[2] for row in rows],
        labels=[row[3] for row in rows])


def actions(*rows):
    """Rows of (start, end, label)."""
    return dict(
        segments=[row[:2] for row in rows], labels=[row[2] for row in rows])


# few distinct values, so that ties of every kind occur
segment = st.tuples(st.integers(0, 6), st.integers(
    0, 4)).map(lambda s: (float(s[0]), float(s[0] + s[1])))
action = st.tuples(segment, st.integers(0, 2)).map(lambda a: (*a[0], a[1]))
detection = st.tuples(segment, st.sampled_from([0.1, 0.5, 0.7, 0.9]),
                      st.integers(0, 3)).map(lambda d: (*d[0], *d[1:]))
videos = st.sampled_from(['a', 'b', 'c', 'd'])
ground_truths = st.dictionaries(
    videos,
    st.lists(action, max_size=6).map(lambda a: actions(*a)))
predicted = st.dictionaries(
    videos,
    st.lists(detection, max_size=15).map(lambda d: detections(*d)))
