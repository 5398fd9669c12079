"""Average precision by its definition: plain loops, nothing shared."""


def tiou_of(a, b):
    if a[1] < a[0] or b[1] < b[0]:
        return 0.  # an action that ends before it starts matches nothing
    inter = max(0., min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - inter
    return inter / union if union > 0 else 0.


def kept_actions(video, deduplicate):
    kept = []
    for (start, end), label in zip(video['segments'], video['labels']):
        repeated = any(
            abs(start - s) <= 1e-3 and abs(end - e) <= 1e-3 and label == n
            for s, e, n in kept)
        if not (deduplicate and repeated):
            kept.append((start, end, label))
    return sorted(a for a in kept if not deduplicate or a[0] != a[1])


def slow_ap(detections, actions, threshold):
    """Area under the precision envelope of one class.

    Args:
        detections (list): (score, video, start, end) of the class.
        actions (dict): ``actions[video]`` = [(start, end), ...] of the class.
        threshold (float): tIoU of a match.
    """
    num_gt = sum(map(len, actions.values()))
    taken = set()
    precisions, recalls, hits = [], [], 0
    detections = sorted(detections, key=lambda d: (-d[0], *d[1:]))
    for rank, (_, video, *segment) in enumerate(detections, start=1):
        best, best_tiou = None, threshold
        for i, action in enumerate(actions.get(video, [])):
            tiou = tiou_of(segment, action)
            better = tiou > best_tiou or (best is None and tiou >= best_tiou)
            if (video, i) not in taken and better:
                best, best_tiou = (video, i), tiou
        if best is not None:
            taken.add(best)
            hits += 1
        precisions.append(hits / rank)
        recalls.append(hits / num_gt)
    area, recall = 0., 0.
    for i in range(len(recalls)):
        area += (recalls[i] - recall) * max(precisions[i:])
        recall = recalls[i]
    return area


def slow_tad_map(predictions, ground_truth, thresholds, deduplicate=True):
    """As ``tad_map``, on lists; returns {label: [AP per threshold]}."""
    actions = {}
    for video, content in ground_truth.items():
        for start, end, label in kept_actions(content, deduplicate):
            actions.setdefault(label, {}).setdefault(video, []).append(
                (start, end))
    result = {}
    for label in sorted(actions):
        detections = [
            (score, video, *segment) for video, content in predictions.items()
            for segment, score, own in zip(
                content['segments'], content['scores'], content['labels'])
            if own == label
        ]
        result[label] = [
            slow_ap(detections, actions[label], threshold)
            for threshold in thresholds
        ]
    return result
