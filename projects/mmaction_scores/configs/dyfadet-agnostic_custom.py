# A class-agnostic DyFADet on your own features: it finds actions, and the
# scores of a video classifier name them. Evaluated as a detector and, like
# BMN, as a proposal generator.
_base_ = '../../../configs/dyfadet/dyfadet_custom.py'

# made by tools/recognizer_scores.py of this project
score_file = 'data/custom/scores.json'
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

num_classes = 1  # whatever the data has

model = dict(
    postprocessor=dict(nms=dict(max_num=200, class_wise=False)),
    score_fusion=dict(
        type='ScoreFusion', score_file='${score_file}', topk=2, max_num=200))

agnostic = dict(dataset=dict(class_agnostic=True))
train_dataloader = agnostic
val_dataloader = agnostic
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='TADMapMetric', tiou_thresholds='${tiou_thresholds}'),
    dict(type='TADProposalMetric', tiou_thresholds='${tiou_thresholds}')
]
test_evaluator = val_evaluator
