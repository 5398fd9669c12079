"""The error analysis again, in loops over lists: slow and obvious."""
from itertools import product

KINDS = [
    'double detection', 'wrong label', 'localization', 'confusion',
    'background'
]


def tiou(one, other):
    inter = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
    union = one[1] - one[0] + other[1] - other[0] - inter
    return inter / union if union else 0


class SlowAnalysis:
    """Of one tIoU threshold; all means over thresholds are left to others."""

    def __init__(self, predictions, ground_truth, durations, threshold, edges):
        self.threshold = threshold
        self.edges = edges
        self.actions = []  # (video, segment, label, values)
        for video, content in ground_truth.items():
            for segment, label in zip(content['segments'], content['labels']):
                length = segment[1] - segment[0]
                values = {
                    'coverage': length / durations[video],
                    'length': length,
                    'num-instances': len(content['labels'])
                }
                if length > 0 and values['coverage'] <= 1:
                    self.actions.append((video, segment, label, values))
        self.classes = sorted({action[2] for action in self.actions})
        self.detections = sorted(
            ((video, tuple(segment), label, score)
             for video, content in predictions.items()
             for segment, label, score in zip(
                 content['segments'], content['labels'], content['scores'])
             if label in self.classes),
            key=lambda row: (-row[3], str(row[0]), row[1]))
        self.mean_num = len(self.actions) / max(len(self.classes), 1)
        self.all = range(len(self.actions))
        self.found = self.match(range(len(self.detections)), self.all)

    def match(self, detections, actions):
        """Action of each of the detections, or None."""
        found, free = {}, set(actions)
        for d in detections:
            video, segment, label, _ = self.detections[d]
            near = [
                (-tiou(segment, self.actions[a][1]), self.actions[a][1], a)
                for a in free
                if self.actions[a][0] == video and self.actions[a][2] == label
            ]
            near = [row for row in near if -row[0] >= self.threshold]
            found[d] = min(near)[-1] if near else None
            free.discard(found[d])
        return found

    def curve(self, found, detections, label, num):
        """(is a hit, P_N) down the list of a class."""
        rows, hits, misses = [], 0, 0
        for d in detections:
            if self.detections[d][2] == label:
                hits += found[d] is not None
                misses += found[d] is None
                weight = hits / num * self.mean_num
                rows.append((found[d]
                             is not None, weight / (weight + misses), d))
        return rows

    def map(self, found, detections, actions):
        """mAP_N on some actions with some detections, None without any."""
        total = []
        for label in self.classes:
            num = sum(self.actions[a][2] == label for a in actions)
            if num:
                rows = self.curve(found, detections, label, num)
                total.append(
                    sum(
                        max(row[1] for row in rows[i:])
                        for i in range(len(rows)) if rows[i][0]) / num)
        return sum(total) / len(total) if total else None

    def kind(self, d):
        video, segment, label, _ = self.detections[d]
        if self.found[d] is not None:
            return 'true positive'
        best, best_label = 0, None
        for other, action, action_label, _ in self.actions:
            if other == video and tiou(segment, action) > best:
                best, best_label = tiou(segment, action), action_label
        if best >= self.threshold:
            return KINDS[0] if best_label == label else KINDS[1]
        if best >= 0.1:
            return KINDS[2] if best_label == label else KINDS[3]
        return KINDS[4]

    def limited(self):
        """(detection, band) of the best ones."""
        rows = []
        for label in self.classes:
            num = sum(action[2] == label for action in self.actions)
            own = [
                d for d in range(len(self.detections))
                if self.detections[d][2] == label
            ]
            rows += [(d, i // num) for i, d in enumerate(own[:10 * num])]
        return sorted(rows)

    def profile(self):
        rows = [(self.kind(d), band) for d, band in self.limited()]
        sizes = [sum(band == b for _, band in rows) for b in range(10)]
        return {
            kind:
            [rows.count((kind, b)) / max(sizes[b], 1) for b in range(10)]
            for kind in ['true positive', *KINDS]
        }

    def impact(self):
        rows = [d for d, _ in self.limited()]
        before = self.map(self.found, rows, self.all)
        return {
            kind:
            self.map(self.found, [d for d in rows if self.kind(d) != kind],
                     self.all) - before
            for kind in KINDS
        }

    def bucket(self, name, b):
        """Actions of a bucket."""
        low, high = self.edges[name][b:b + 2]
        return [
            a for a in self.all if low < self.actions[a][3][name] <= high or (
                b == 0 and self.actions[a][3][name] == low)
        ]

    def sensitivity(self, name, b):
        chosen = self.bucket(name, b)
        kept = [d for d, a in self.found.items() if a is None or a in chosen]
        return self.map(self.match(kept, chosen), kept, chosen)

    def missed(self):
        hits = set()
        for label in self.classes:
            num = sum(action[2] == label for action in self.actions)
            for is_hit, precision, d in self.curve(self.found,
                                                   range(len(self.detections)),
                                                   label, num):
                if is_hit and precision > 0.05:
                    hits.add(self.found[d])
        return [a for a in self.all if a not in hits]

    def misses(self, name, b):
        return self.share(self.bucket(name, b))

    def misses_of_pair(self, names):
        sizes = [range(len(self.edges[name]) - 1) for name in names]
        return [
            self.share([
                a for a in self.bucket(names[0], b1)
                if a in self.bucket(names[1], b2)
            ]) for b1, b2 in product(*sizes)
        ]

    def share(self, chosen):
        missed = self.missed()
        return sum(a in missed
                   for a in chosen) / len(chosen) if chosen else None
