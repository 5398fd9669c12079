"""AR@AN by its definition: plain loops."""
from slow_map import tiou_of


def slow_average_recall(predictions, ground_truth, threshold):
    """Recall at AN = 1, ..., 100 and one tIoU."""
    truth = {k: v['segments'] for k, v in ground_truth.items()}
    truth = {k: v for k, v in truth.items() if len(v)}
    found = {video: best_first(predictions, video) for video in truth}
    num_videos, total = len(truth), sum(map(len, found.values()))
    ratio = 100. * num_videos / max(total, 1)
    kept = {v: own[:int(len(own) * ratio)] for v, own in found.items()}
    retrieved = sum(map(len, kept.values()))
    recalls = []
    for number in range(1, 101):
        share = number / 100. * (100. * num_videos / max(retrieved, 1))
        recalled = num_actions = 0
        for video, actions in truth.items():
            counted = kept[video][:int(len(kept[video]) * share)]
            for action in actions:
                best = max((tiou_of(each, action) for each in counted),
                           default=0)
                recalled += best >= threshold
                num_actions += 1
        recalls.append(recalled / max(num_actions, 1))
    return recalls


def best_first(predictions, video):
    """Each segment of a video once, the best score first."""
    content = predictions.get(video, dict(segments=[], scores=[]))
    best = {}
    for segment, score in zip(content['segments'], content['scores']):
        best[segment] = max(score, best.get(segment, 0))
    return sorted(best, key=lambda segment: (-best[segment], *segment))
