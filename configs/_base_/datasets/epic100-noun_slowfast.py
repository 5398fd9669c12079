_base_ = 'epic100-verb_slowfast.py'

task = 'noun'
# labels are the official ids, 7 of which never occur in training or
# validation; OpenTAD numbers the other 293 anew
num_classes = 300
