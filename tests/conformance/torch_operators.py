# SPDX-License-Identifier: Apache-2.0
"""One operator of aten each, as one meets them in inference with real numbers. A row is a name, what
is computed, and the shapes of its inputs; `i8` in front of a shape asks for small whole numbers."""
import torch
from torch import nn
from torch.nn import functional as F

CASES = {}  # name -> (function that makes the module, function that makes the inputs, options)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def make_input(shape):
    if shape[0] == 'i64':
        return torch.randint(0, shape[1], shape[2:])
    if shape[0] == 'unit':
        return torch.rand(shape[1:]) * 0.98 + 0.01
    if shape[0] == 'above':
        return torch.rand(shape[1:]) + 1.1
    return torch.randn(shape)


def add(name, function, *shapes, **options):
    if name.split('(')[0].count('.') == 0 or options.pop('present', True):
        CASES[name] = (lambda: Function(function), lambda: tuple(make_input(s) for s in shapes), options)


X, Y, M, V, P = (2, 3, 4), (2, 3, 4), (3, 4), (5,), (1, 3, 8, 9)
U, A = ('unit', 2, 3, 4), ('above', 2, 3, 4)


def simple_functions():
    for name in ('abs absolute atan arctan ceil cos cosh deg2rad erf erfc exp exp2 expm1 fix floor frac '
                 'neg negative rad2deg round sgn sigmoid sign signbit sin sinc sinh square tan tanh '
                 'trunc isnan isinf isfinite isposinf isneginf positive relu selu celu').split():
        add(name, getattr(torch, name), X)
    for name in 'acos arccos asin arcsin atanh arctanh log log10 log1p log2 logit lgamma reciprocal ' \
                'rsqrt sqrt'.split():
        add(name, getattr(torch, name), U)
    for name in 'acosh arccosh asinh'.split():
        add(name, getattr(torch, name), A)
    for name in 'expit erf erfc expm1 exp2 log1p entr ndtr gammaln logit'.split():
        add('special_' + name, getattr(torch.special, name), U)
    for name in ('elu celu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid '
                 'mish relu6 rrelu selu silu softplus softshrink softsign tanhshrink').split():
        add('F.' + name, getattr(F, name), X)
    for name in ('add atan2 arctan2 copysign div eq floor_divide fmax fmin fmod ge greater gt heaviside '
                 'hypot le less lt logaddexp logaddexp2 maximum minimum mul ne not_equal remainder sub '
                 'true_divide logical_and logical_or logical_xor').split():
        add(name, getattr(torch, name), X, Y)
        add(name + '_broadcast', getattr(torch, name), X, (3, 1))
    add('pow', torch.pow, U, Y)
    add('xlogy', torch.xlogy, X, U)
    add('float_power', torch.float_power, U, Y)
    add('div_trunc', lambda x, y: torch.div(x, y, rounding_mode='trunc'), X, Y)
    add('div_floor', lambda x, y: torch.div(x, y, rounding_mode='floor'), X, Y)
    add('round_decimals', lambda x: torch.round(x, decimals=2), X)
    add('threshold', lambda x: F.threshold(x, 0.1, 20), X)
    add('lerp', lambda x, y: torch.lerp(x, y, 0.3), X, Y)
    add('lerp_tensor', torch.lerp, X, Y, U)
    add('addcmul', lambda x, y, z: torch.addcmul(x, y, z, value=0.5), X, Y, (3, 4))
    add('addcdiv', lambda x, y, z: torch.addcdiv(x, y, z, value=0.5), X, Y, ('above', 3, 4))
    add('logit_eps', lambda x: torch.logit(x, 0.1), U)
    add('nan_to_num', lambda x: torch.nan_to_num(x / torch.tensor([1., 0., 1., 0.]), 1, 5, -6), X)
    add('clamp', lambda x: x.clamp(-0.5, 0.7) + x.clamp(min=0.1) + x.clamp(max=0.3) + x.clip(0, 1), X)
    add('clamp_tensor', lambda x, y: torch.clamp(x, y, y + 1), X, (3, 4))
    for name in 'bitwise_and bitwise_or bitwise_xor'.split():
        add(name, getattr(torch, name), ('i64', 100, 2, 5), ('i64', 100, 2, 5))
    add('bitwise_not', torch.bitwise_not, ('i64', 100, 2, 5))
    add('shift', lambda x: (x << 3) + (x >> 1), ('i64', 100, 2, 5))


def reductions():
    for name in 'sum mean amax amin prod logsumexp var std norm any all'.split():
        function = getattr(torch, name)
        cast = (lambda x: x > 1.5) if name in ('any', 'all') else lambda x: x
        if name not in ('logsumexp', 'amax', 'amin'):
            add(name + '_all', lambda x, f=function, c=cast: f(c(x)), X)
        if name != 'norm':
            add(name + '_axis', lambda x, f=function, c=cast: f(c(x), 1), X)
            add(name + '_kept', lambda x, f=function, c=cast: f(c(x), -1, keepdim=True), X)
    for p in (0, 1, 2, 3, float('inf'), -float('inf')):
        add(f'norm_{p}', lambda x, p=p: torch.norm(x, p=p, dim=1), X)
        add(f'vector_norm_{p}', lambda x, p=p: torch.linalg.vector_norm(x, p, dim=(0, 2)), X)
    add('frobenius', lambda x: torch.norm(x, dim=(1, 2)), X)
    add('F.normalize', lambda x: F.normalize(x, p=1, dim=2), X)
    add('var_mean', lambda x: torch.var_mean(x, 1, unbiased=False), X)
    add('std_mean', lambda x: torch.std_mean(x, (0, 2), keepdim=True), X)
    add('var_correction', lambda x: torch.var(x, 1, correction=2), X)
    add('max_min', lambda x: torch.max(x) + torch.min(x), X)
    add('max_axis', lambda x: torch.max(x, 1), X)
    add('min_axis', lambda x: torch.min(x, -1, keepdim=True), X)
    add('argmax', lambda x: (torch.argmax(x), torch.argmax(x, 1), torch.argmin(x, 2, keepdim=True)), X)
    add('aminmax', lambda x: tuple(torch.aminmax(x, dim=1)), X)
    add('topk', lambda x: torch.topk(x, 2), X)
    add('topk_smallest', lambda x: torch.topk(x, 2, dim=1, largest=False), X)
    add('sort', lambda x: torch.sort(x, 1), X)
    add('sort_descending', lambda x: torch.sort(x, stable=True, dim=0, descending=True), X)
    add('argsort', lambda x: torch.argsort(x, -1), X)
    add('msort', torch.msort, X)
    add('kthvalue', lambda x: torch.kthvalue(x, 2, 1), X)
    add('median', lambda x: (torch.median(x), *torch.median(x, 2), *torch.median(x, 0, keepdim=True)), X)
    add('cumsum', lambda x: torch.cumsum(x, 1), X)
    add('cumprod', lambda x: torch.cumprod(x, -1), X)
    add('cumsum_whole', lambda x: torch.cumsum(x, 0), ('i64', 9, 5))
    add('count_nonzero', lambda x: torch.count_nonzero((x > 0).float(), 1), X)
    add('sum_whole', lambda x: (x.sum(), x.max(), x.prod()), ('i64', 9, 5))


def products():
    add('matmul', torch.matmul, (2, 3, 4), (4, 5))
    add('mv', torch.mv, (3, 4), (4,))
    add('bmm', torch.bmm, (2, 3, 4), (2, 4, 5))
    add('baddbmm', lambda a, b, c: torch.baddbmm(a, b, c, beta=0.5, alpha=2), (2, 3, 5), (2, 3, 4), (2, 4, 5))
    add('addmm', lambda a, b, c: torch.addmm(a, b, c, beta=0.5, alpha=2), (5,), (3, 4), (4, 5))
    add('addmv', torch.addmv, (3,), (3, 4), (4,))
    add('addr', torch.addr, (3, 4), (3,), (4,))
    add('addbmm', torch.addbmm, (3, 5), (2, 3, 4), (2, 4, 5))
    add('dot', torch.dot, V, V)
    add('inner', torch.inner, (2, 3, 4), (5, 4))
    add('outer', torch.outer, (3,), (4,))
    add('tensordot', lambda a, b: torch.tensordot(a, b, dims=([1, 2], [0, 1])), (2, 3, 4), (3, 4, 5))
    add('kron', torch.kron, (2, 3), (3, 2))
    add('F.bilinear', F.bilinear, (2, 3), (2, 4), (5, 3, 4), (5,))
    add('cross', lambda a, b: torch.cross(a, b, dim=1), (2, 3, 4), (2, 3, 4))
    for equation, *shapes in (('ij,jk->ik', (2, 3), (3, 4)), ('bij,bjk->bik', (2, 3, 4), (2, 4, 5)),
                              ('ii->i', (3, 3)), ('ii', (3, 3)), ('ij->ji', (2, 3)), ('ij->', (2, 3)),
                              ('bhqd,bhkd->bhqk', (1, 2, 3, 4), (1, 2, 5, 4)),
                              ('i,j->ij', (2,), (3,)), ('...ij,...jk->...ik', (2, 3, 4), (2, 4, 5)),
                              ('bn,anm,bm->ba', (2, 3), (5, 3, 4), (2, 4)),
                              ('nchw,cd->ndhw', (1, 3, 4, 5), (3, 2)),
                              ('ij,ij->i', (2, 3), (2, 3)), ('bhwc,hkc->bhwk', (1, 3, 4, 5), (3, 2, 5)),
                              ('ijk,k', (2, 3, 4), (4,)), ('b...d,d->b...', (2, 3, 4), (4,)),
                              ('iij->ij', (3, 3, 2)), ('ab,cd->acbd', (2, 3), (4, 5))):
        add('einsum ' + equation, lambda *t, e=equation: torch.einsum(e, *t), *shapes)
    add('tril', lambda x: torch.tril(x) + torch.triu(x, 1) * 2 + torch.tril(x, -2), (2, 4, 5))
    add('diag', lambda x, v: (torch.diag(x), torch.diag(x, 1), torch.diag(x, -2), torch.diag(v),
                              torch.diag(v, 1), torch.diag(v, -2)), (4, 5), V)
    add('diagonal', lambda x: torch.diagonal(x, 1, 0, 2), (3, 2, 4))
    add('diag_embed', torch.diag_embed, (2, 3))
    add('trace', torch.trace, (3, 4))
    add('eye', lambda x: x @ torch.eye(4) + torch.eye(3, 4), (3, 4))
    add('F.pairwise_distance', F.pairwise_distance, (3, 4), (3, 4))
    add('F.cosine_similarity', lambda a, b: F.cosine_similarity(a, b, dim=1), X, Y)
    add('cdist', torch.cdist, (2, 3, 4), (2, 5, 4))
    add('cdist_1', lambda a, b: torch.cdist(a, b, p=1), (3, 4), (5, 4))


def movement():
    add('tile', lambda x: x.tile(2) + x.tile((2, 1, 1, 2))[0, :2], X)
    add('repeat', lambda x: x.repeat(2, 1, 3), X)
    add('repeat_interleave', lambda x: x.repeat_interleave(2, 1), X)
    add('stacks', lambda a, b: (torch.vstack((a, b)), torch.hstack((a, b)), torch.dstack((a, b)),
                                torch.column_stack((a, b)), torch.stack((a, b), -1)), M, M)
    add('stacks_of_vectors', lambda a, b: (torch.vstack((a, b)), torch.hstack((a, b)), torch.dstack((a, b)),
                                           torch.column_stack((a, b))), V, V)
    add('atleast', lambda x: (torch.atleast_1d(x), torch.atleast_2d(x), torch.atleast_3d(x)), V)
    add('splits', lambda x: (*torch.hsplit(x, 3), *torch.vsplit(x, 2), *torch.dsplit(x, 2)), X)
    add('unsafe_chunk', lambda x: torch.unsafe_chunk(x, 2, 2), X)
    add('flips', lambda x: (x.flip(0, 2), torch.fliplr(x), torch.flipud(x)), X)
    add('rot90', lambda x: torch.rot90(x, 1, (1, 2)), X)
    add('roll', lambda x: x.roll(1) + x.roll((1, -1), (0, 2)), X)
    add('transposes', lambda x: (x.mT, x.swapaxes(0, 2), x.movedim(0, -1), x.permute(2, 0, 1)), X)
    add('ravel', torch.ravel, X)
    add('unfold', lambda x: x.unfold(2, 3, 2).unfold(1, 2, 1), (2, 3, 7))
    add('diff', torch.diff, X)
    add('broadcast_tensors', lambda a, b: torch.broadcast_tensors(a, b), (3, 1), (4,))
    add('gather', lambda x, i: torch.gather(x, 1, i), (3, 4), ('i64', 4, 3, 2))
    add('take', torch.take, M, ('i64', 12, 2, 2))
    add('take_along_dim', lambda x, i: torch.take_along_dim(x, i, 1), M, ('i64', 4, 3, 2))
    add('index_select', lambda x, i: x.index_select(1, i), X, ('i64', 3, 5))
    add('index_two', lambda x, i, j: x[i, j] + x[i, :, 1][:, :1], (3, 3, 4), ('i64', 3, 2), ('i64', 3, 2))
    add('index_apart', lambda x, i, j: x[i, :, j], X, ('i64', 2, 5), ('i64', 4, 5))
    add('index_matrix', lambda x, i: x[:, i], X, ('i64', 3, 2, 2))
    add('index_negative', lambda x: x[:, [-1, 0], [1, -2]], X)
    add('index_mask', lambda x: x[:, torch.tensor([True, False, True])], X)
    add('index_mask_two_axes', lambda x: x[torch.tensor([[True, False, True], [False, True, False]])], X)
    add('masked_select', lambda x: torch.masked_select(x, torch.tensor([True, False, True, True])), X)
    add('nonzero', lambda x: x[torch.nonzero(torch.tensor([0, 1, 1]))[:, 0] - 1], X)
    add('put_number', lambda x: put(x, (slice(None), 1), 5.), X)
    add('put_mask', lambda x: put(x, x > 0.5, -1.), X)
    add('put_tensor', lambda x, y: put(x, (torch.tensor([0, 2]),), y), (3, 4), (2, 4))
    add('put_places', lambda x, i, y: put(x, (i, torch.tensor([1, 3])), y), (3, 4), ('i64', 3, 2), (2,))
    add('put_accumulated', lambda x, y: x.index_put((torch.tensor([0, 0]),), y, accumulate=True), (3, 4), (2, 4))
    add('scatter', lambda x, i, y: x.scatter(1, i, y), (3, 4), ('i64', 4, 3, 1), (3, 2))
    add('scatter_number', lambda x, i: x.scatter(0, i, 2.5), (3, 4), ('i64', 3, 2, 4))
    add('scatter_add', lambda x, i, y: x.scatter_add(0, i, y), (3, 4), ('i64', 3, 5, 4), (5, 4))
    add('scatter_named', lambda x, i, y: x.scatter(0, i, y, reduce='multiply'), (3, 4), ('i64', 3, 5, 4), (5, 4))
    add('scatter_reduce', lambda x, i, y: x.scatter_reduce(0, i, y, 'amax'), (3, 4), ('i64', 3, 5, 4), (5, 4))
    add('index_add', lambda x, y: x.index_add(1, torch.tensor([2, 0, 2]), y, alpha=2), (3, 4), (3, 3))
    add('index_copy', lambda x, y: x.index_copy(0, torch.tensor([2, 0]), y), (3, 4), (2, 4))
    add('index_fill', lambda x: x.index_fill(1, torch.tensor([2, 0]), 7.), (3, 4))
    add('one_hot', lambda i: F.one_hot(i, 5), ('i64', 5, 3))
    add('where_number', lambda x: torch.where(x > 0, x, torch.tensor(-1.)), X)
    add('masked_fill', lambda x: x.masked_fill(x > 0, float('-inf')).softmax(-1), X)
    add('F.pad_circular', lambda x: F.pad(x, (1, 2, 0, 1), 'circular'), P)
    add('CircularConv', lambda x: F.conv2d(F.pad(x, (1, 1, 1, 1), mode='circular'), torch.ones(2, 3, 3, 3)), P)
    add('F.pad_reflect', lambda x: F.pad(x, (1, 2, 0, 1), 'reflect'), P)
    add('F.pad_replicate', lambda x: F.pad(x, (1, 2, 0, 1), 'replicate'), P)
    add('F.pad_replicate3d', lambda x: F.pad(x, (1, 2, 0, 1, 2, 0), 'replicate'), (1, 2, 3, 4, 5))
    add('F.pad_reflect3d', lambda x: F.pad(x, (1, 2, 0, 1, 2, 0), 'reflect'), (1, 2, 3, 4, 5))
    add('pixel_shuffle', lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 3), (1, 36, 3, 3))
    add('channel_shuffle', lambda x: F.channel_shuffle(x, 3), (1, 6, 2, 2))


def put(x, where, values):
    x = x.clone()
    x[where] = values
    return x


def creation():
    add('logspace', lambda x: x + torch.logspace(0, 1, 5), V)
    add('windows', lambda x: (x * torch.hann_window(5), x * torch.hamming_window(5, periodic=False),
                              x * torch.blackman_window(5)), V)
    add('triangle_indices', lambda x: (x[tuple(torch.tril_indices(3, 4))], x[tuple(torch.triu_indices(3, 4, 1))]), M)
    add('linspace', lambda x: x + torch.linspace(0, 1, 5) + torch.arange(0, 10, 2), V)
    add('full', lambda x: x + torch.full((5,), 3.) + torch.zeros_like(x) + x.new_ones(5), V)
    add('meshgrid', lambda x: torch.meshgrid(x, x * 2, indexing='xy'), V)


def volumes():
    V3 = (1, 4, 5, 6, 7)
    for name, layer in (
            ('Conv3d', nn.Conv3d(4, 6, 3)), ('Conv3d_strided', nn.Conv3d(4, 6, (3, 2, 3), (2, 1, 2), (1, 0, 1), bias=False)),
            ('Conv3d_dilated', nn.Conv3d(4, 6, 3, padding=2, dilation=(2, 1, 2), groups=2)),
            ('Conv3d_same', nn.Conv3d(4, 6, (2, 3, 4), padding='same')),
            ('ConvTranspose3d', nn.ConvTranspose3d(4, 6, 3)),
            ('ConvTranspose3d_strided', nn.ConvTranspose3d(4, 6, 3, (2, 1, 3), 1, (1, 0, 2), groups=2, dilation=(2, 1, 1))),
            ('MaxPool3d', nn.MaxPool3d((2, 3, 2), 2, (1, 1, 0), ceil_mode=True)),
            ('AvgPool3d', nn.AvgPool3d(3, 2, 1)), ('AvgPool3d_without', nn.AvgPool3d(3, 2, 1, True, False)),
            ('AvgPool3d_divisor', nn.AvgPool3d(2, divisor_override=3)),
            ('AdaptiveAvgPool3d', nn.AdaptiveAvgPool3d((2, 3, 4))), ('AdaptiveMaxPool3d', nn.AdaptiveMaxPool3d((2, 4, 3))),
            ('BatchNorm3d', nn.BatchNorm3d(4)), ('InstanceNorm3d', nn.InstanceNorm3d(4)),
            ('Upsample3d', nn.Upsample(scale_factor=2)), ('Upsample3d_exact', nn.Upsample((7, 9, 8), mode='nearest-exact')),
            ('Upsample3d_linear', nn.Upsample((7, 9, 8), mode='trilinear')),
            ('Upsample3d_corners', nn.Upsample(scale_factor=2, mode='trilinear', align_corners=True))):
        CASES[name] = (lambda m=layer: m, lambda: (torch.randn(V3),), {})


def layers():
    add('F.max_pool_indices', lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True), P)
    add('F.max_pool_indices_ceil', lambda x: F.max_pool2d(x, (2, 3), 2, 0, ceil_mode=True, return_indices=True), P)
    add('F.max_pool1d_indices', lambda x: F.max_pool1d(x, 3, 2, 1, return_indices=True), (1, 3, 9))
    add('F.adaptive_max_indices', lambda x: F.adaptive_max_pool2d(x, (3, 4), return_indices=True), P)
    add('F.adaptive_max_indices_even', lambda x: F.adaptive_max_pool2d(x, (4, 3), return_indices=True), P)
    add('F.max_unpool', lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, 2, return_indices=True), 2, 2, output_size=(8, 9)), P)
    add('F.max_unpool1d', lambda x: F.max_unpool1d(*F.max_pool1d(x, 2, 2, return_indices=True), 2, 2), (1, 3, 8))
    add('F.lp_pool2d', lambda x: F.lp_pool2d(x, 2, 2), P)
    add('F.unfold', lambda x: F.unfold(x, (2, 3), 2, 1, (1, 2)), P)
    add('F.fold', lambda x: F.fold(x, (5, 6), (2, 3), 1, 1, (2, 1)), (2, 18, 18))
    add('F.local_response_norm', lambda x: F.local_response_norm(x, 3), P)
    for mode in ('bilinear', 'nearest', 'bicubic'):
        for padding in ('zeros', 'border', 'reflection'):
            for corners in (False, True):
                add(f'F.grid_sample {mode} {padding} {corners}',
                    lambda x, g, m=mode, p=padding, c=corners: F.grid_sample(x, g, m, p, c), (2, 3, 5, 6), (2, 4, 7, 2))
    add('F.grid_sample one', lambda x, g: F.grid_sample(x, g, align_corners=False), (1, 3, 5, 6), (1, 4, 7, 2))
    add('F.grid_sample 3-D', lambda x, g: F.grid_sample(x, g, align_corners=True), (1, 3, 4, 5, 6), (1, 2, 4, 7, 3))
    add('F.affine_grid', lambda t: F.affine_grid(t, (2, 3, 4, 5), align_corners=False), (2, 2, 3))
    add('F.affine_grid corners', lambda t: F.affine_grid(t, (2, 3, 4, 5), align_corners=True), (2, 2, 3))
    add('F.affine_grid 3-D', lambda t: F.affine_grid(t, (2, 3, 3, 4, 5), align_corners=False), (2, 3, 4))
    for mode in ('nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area'):
        add(f'F.interpolate {mode}', lambda x, m=mode: F.interpolate(x, (11, 13), mode=m), P)
        add(f'F.interpolate {mode} down', lambda x, m=mode: F.interpolate(x, (5, 4), mode=m), P)
        if mode != 'area':
            add(f'F.interpolate {mode} factor', lambda x, m=mode: F.interpolate(x, scale_factor=1.7, mode=m), P)
    add('F.interpolate nearest-exact twice', lambda x: F.interpolate(x, scale_factor=2, mode='nearest-exact'), P)
    add('F.embedding', lambda i: F.embedding(i, torch.arange(12.).view(4, 3)), ('i64', 4, 2, 3))
    if hasattr(F, 'rms_norm'):
        add('F.rms_norm', lambda x, w: F.rms_norm(x, (4,), w, 1e-5), X, (4,))
    add('F.group_norm', lambda x: F.group_norm(x, 2), (2, 6, 3, 4))
    add('F.softmin', lambda x: F.softmin(x, 1), X)
    add('F.gumbel_free_softmax', lambda x: F.log_softmax(x / 0.5, 1).exp(), X)
    add('F.smooth', lambda x: F.avg_pool1d(F.pad(x, (1, 1)), 3, 1), (1, 3, 9))
    add('trapezoid', lambda x: torch.trapezoid(x, dim=1), X)


simple_functions()
reductions()
products()
movement()
creation()
volumes()
layers()
