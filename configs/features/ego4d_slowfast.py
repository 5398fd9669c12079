# The grid of the SlowFast 8x8 R101 features that Ego4D hands out.
# Not the same: the network and its data, Kinetics-400, are, but those weights
# are of another training, in PySlowFast.
_base_ = 'epic100_slowfast.py'
