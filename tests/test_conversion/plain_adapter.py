"""A VideoMAE ViT with temporal adapters, written out from the description.

One video and one chunk at a time, on functions alone; an adapter sees all
chunks of a video as one long array.
"""
import torch
import torch.nn.functional as F

SMALL = dict(
    img_size=16,
    patch_size=8,
    embed_dims=12,
    depth=3,
    num_heads=3,
    mlp_ratio=2,
    qkv_bias=True,
    num_frames=8,
    tubelet_size=2,
    norm_eps=1e-6,
    adapter_index=[0, 2],
    adapter_mlp_ratio=0.5,
    mean=[100., 110., 120.],
    std=[50., 60., 70.])


def attention(x, part, num_heads):
    """x (N, C) of one chunk."""
    bias = torch.cat(
        (part['q_bias'], torch.zeros_like(part['q_bias']), part['v_bias']))
    q, k, v = F.linear(x, part['qkv.weight'], bias).chunk(3, 1)
    size = q.size(1) // num_heads
    heads = [((q[:, s] @ k[:, s].T) / size**0.5).softmax(1) @ v[:, s]
             for s in (slice(i * size, (i + 1) * size)
                       for i in range(num_heads))]
    return F.linear(
        torch.cat(heads, 1), part['proj.weight'], part['proj.bias'])


def norm(x, part, name, eps):
    return F.layer_norm(x, x.shape[-1:], part[f'{name}.weight'],
                        part[f'{name}.bias'], eps)


def below(weights, prefix):
    return {
        key[len(prefix):]: value
        for key, value in weights.items() if key.startswith(prefix)
    }


def adapt(x, part):
    """x (T, P, C): at each position, along all steps of the video."""
    h = F.gelu(F.linear(x, part['down_proj.weight'], part['down_proj.bias']))
    out = []
    for position in range(x.size(1)):
        row = h[:, position].T[None]  # (1, c, T)
        a = F.conv1d(
            row,
            part['dwconv.weight'],
            part['dwconv.bias'],
            padding=1,
            groups=row.size(1))
        a = F.conv1d(a, part['conv.weight'], part['conv.bias'])
        out.append((row + a)[0].T)
    up = F.linear(
        torch.stack(out, 1), part['up_proj.weight'], part['up_proj.bias'])
    return x + part['gamma'] * up


def encode(weights, config, frames, window):
    """Features (C, window) of one video, frames (3, T, H, W)."""
    size, tube = config['patch_size'], config['tubelet_size']
    mean, std = (
        torch.tensor(config[key]).to(weights['pos_embed'])[:, None, None, None]
        for key in ('mean', 'std'))
    height, width = (side // size for side in frames.shape[2:])
    grid = config['img_size'] // size
    table = weights['pos_embed'].reshape(-1, grid, grid, config['embed_dims'])
    if (height, width) != (grid, grid):
        table = F.interpolate(
            table.permute(0, 3, 1, 2), (height, width),
            mode='bicubic').permute(0, 2, 3, 1)
    chunks = []
    for chunk in ((frames - mean) / std).split(config['num_frames'], 1):
        x = F.conv3d(
            chunk[None],
            weights['patch_embed.projection.weight'],
            weights['patch_embed.projection.bias'],
            stride=(tube, size, size))[0]
        chunks.append(x.permute(1, 2, 3, 0) + table)  # (t, h, w, C)
    shape, eps = chunks[0].shape, config['norm_eps']
    chunks = [x.reshape(-1, shape[-1]) for x in chunks]
    for index in range(config['depth']):
        part = below(weights, f'blocks.{index}.')
        attn, mlp = below(part, 'attn.'), below(part, 'mlp.layers.')
        for number, x in enumerate(chunks):
            x = x + attention(
                norm(x, part, 'norm1', eps), attn, config['num_heads'])
            hidden = F.gelu(
                F.linear(
                    norm(x, part, 'norm2', eps), mlp['0.0.weight'],
                    mlp['0.0.bias']))
            chunks[number] = x + F.linear(hidden, mlp['1.weight'],
                                          mlp['1.bias'])
        if index in config['adapter_index']:
            x = torch.stack(chunks).reshape(-1, height * width, shape[-1])
            x = adapt(x, below(part, 'adapter.'))
            chunks = list(x.reshape(len(chunks), -1, shape[-1]))
    x = torch.stack(chunks).reshape(-1, height * width, shape[-1]).mean(1)
    return F.interpolate(x.T[None], window, mode='linear')[0]
