# The digit streams as videos: a frame a cell, the scan read back from its
# pixels
default_scope = 'dyfadet_mm'
model = dict(type='PixelBlocks')
feature_extractor = dict(
    grid=dict(stride=1, window=1), preprocessing=dict(std=(255, 255, 255)))
