"""Recall@kx by its definition: plain loops."""
from slow_map import kept_actions, tiou_of


def slow_tad_recall(predictions, ground_truth, thresholds, ks, deduplicate):
    """As ``tad_recall``, on lists; {label: recall per k and threshold}."""
    actions = {}
    for video, content in ground_truth.items():
        for start, end, label in kept_actions(content, deduplicate):
            own = actions.setdefault(label, {})
            own.setdefault(video, []).append((start, end))
    result = {}
    for label in sorted(actions):
        result[label] = [[
            slow_class_recall(predictions, actions[label], label, threshold, k)
            for threshold in thresholds
        ] for k in ks]
    return result


def slow_class_recall(predictions, actions, label, threshold, k):
    """Share of the actions of one class that are recalled."""
    recalled = 0
    for video, own in actions.items():
        content = predictions.get(video,
                                  dict(segments=[], scores=[], labels=[]))
        found = sorted((-score, *segment) for segment, score, n in zip(
            content['segments'], content['scores'], content['labels'])
                       if n == label)
        counted = [segment for _, *segment in found][:k * len(own)]
        for action in own:
            best = max((tiou_of(each, action) for each in counted), default=0)
            recalled += best >= threshold
    return recalled / sum(map(len, actions.values()))
