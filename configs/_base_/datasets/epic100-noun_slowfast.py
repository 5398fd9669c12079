_base_ = 'epic100-verb_slowfast.py'

task = 'noun'
ann_file = 'annotations/epic_kitchens_100_noun.json'

# labels are the official ids, 7 of which never occur in training or
# validation; OpenTAD numbers the other 293 anew
num_classes = 300

train_dataloader = dict(dataset=dict(task=task, ann_file=ann_file))
val_dataloader = dict(dataset=dict(task=task, ann_file=ann_file))
test_dataloader = val_dataloader
