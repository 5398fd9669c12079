from dyfadet_mm.evaluation import (format_recall_table, format_table, tad_map,
                                   tad_recall)

TRUTH = dict(v=dict(segments=[[0, 10], [20, 30]], labels=[0, 1]))
FOUND = dict(v=dict(segments=[[0, 6]], labels=[0], scores=[0.5]))


def rows_of(text):
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('| ')]


def test_rows_are_classes_and_columns_thresholds():
    result = tad_map(FOUND, TRUTH, [0.5, 0.75])
    rows = rows_of(format_table(result, [0.5, 0.75], ('run', 'jump')))
    assert rows == [
        ['class', 'actions', '0.50', '0.75', 'mean'],
        ['run', '1', '100.00', '0.00', '50.00'],
        ['jump', '1', '0.00', '0.00', '0.00'],
        ['mAP', '2', '50.00', '0.00', '25.00'],
    ]


def test_means_alone_on_request():
    result = tad_map(FOUND, TRUTH, [0.5])
    rows = rows_of(format_table(result, [0.5], classwise=False))
    assert [row[0] for row in rows] == ['class', 'mAP']


def test_long_and_bracketed_names_are_shown_in_full():
    names = ('[bold]run[/bold]', 'j' * 150)
    text = format_table(tad_map(FOUND, TRUTH, [0.5]), [0.5], names)
    assert all(name in text for name in names)


def test_a_result_without_actions_has_a_table():
    rows = rows_of(format_table(tad_map({}, {}, [0.5]), [0.5]))
    assert rows[-1] == ['mAP', '0', '0.00', '0.00']


def test_recall_has_a_row_per_k():
    result = tad_recall(FOUND, TRUTH, [0.5, 0.75], (1, 5))
    assert rows_of(format_recall_table(result, [0.5, 0.75], (1, 5))) == [
        ['metric', 'actions', '0.50', '0.75', 'mean'],
        ['Recall@1x', '2', '50.00', '0.00', '25.00'],
        ['Recall@5x', '2', '50.00', '0.00', '25.00'],
    ]
