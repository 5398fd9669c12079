# DyFADet's recipe for ActivityNet, measured as a proposal generator as well,
# beside bmn_tsp_1xb16-9e_activitynet.py
_base_ = '../../../configs/dyfadet/dyfadet_tsp_1xb8-15e_activitynet.py'

val_evaluator = [
    dict(type='TADMapMetric', tiou_thresholds='${tiou_thresholds}'),
    dict(type='TADProposalMetric', tiou_thresholds='${tiou_thresholds}')
]
test_evaluator = val_evaluator
