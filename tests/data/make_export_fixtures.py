#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/export: tiny archives of torch.export, with what torch computes of them, and the
same networks traced, where that is possible. Written for torch 2.15.

usage: make_export_fixtures.py tests/data/export
"""
import json
import os
import sys
import warnings
import zipfile

import numpy
import torch
from torch import nn
from torch._export.serde import serialize
from torch.export import Dim
from torch.nn import functional as F

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
warnings.simplefilter("ignore")
torch.manual_seed(0)


def path(name):
    return os.path.join(folder, name)


def tidy(module):
    """Weights that print short."""
    with torch.no_grad():
        for p in list(module.parameters()) + list(module.buffers()):
            if p.is_floating_point() and 0 not in p.stride():
                p.copy_((torch.arange(p.numel()) % 7 * 0.25 + 0.25).reshape(p.shape))
    return module


def slim_graph(graph):
    """Types of inputs are kept, those of everything else can be computed."""
    names = {next(iter(i.values())).get("name") for i in graph["inputs"] if isinstance(next(iter(i.values())), dict)}
    graph["tensor_values"] = {k: v for k, v in graph["tensor_values"].items() if k in names}
    for node in graph["nodes"]:
        meta = node["metadata"]
        node["metadata"] = {k: meta[k].replace(os.path.dirname(os.path.abspath(__file__)), "/home/user")
                            for k in ("nn_module_stack", "stack_trace") if k in meta}
        trace = node["metadata"].get("stack_trace")
        if trace:
            lines = trace.split("\n")
            node["metadata"]["stack_trace"] = "\n".join(
                line.replace(os.path.dirname(torch.__file__), "/usr/lib/python3/dist-packages/torch")
                for line in lines if line.lstrip().startswith("File "))
        for item in node["inputs"]:
            if "as_graph" in item["arg"]:
                slim_graph(item["arg"]["as_graph"]["graph"])


def slim(text):
    """Only what a reader needs, on one line, without paths of this machine."""
    program = json.loads(text)
    module = program["graph_module"]
    slim_graph(module["graph"])
    program["graph_module"] = {k: module[k] for k in ("graph", "signature")}
    kept = ("graph_module", "opset_version", "schema_version", "torch_version")
    return json.dumps({k: program[k] for k in kept}, separators=(",", ":")).encode()


def rewrite(name):
    with zipfile.ZipFile(path(name)) as source:
        records = [(i.filename, source.read(i)) for i in source.infolist()]
    with zipfile.ZipFile(path(name), "w") as target:
        for record, data in records:
            if "/sample_inputs/" in record or record.endswith("serialization_id"):
                continue
            if "/models/" in record or record == "serialized_exported_program.json":
                data = slim(data)
            target.writestr(zipfile.ZipInfo(record, (1980, 1, 1, 0, 0, 0)), data)


def tensors_of(value, numbers=False):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, int) and numbers:
        yield torch.tensor(value)
    elif isinstance(value, (dict, tuple, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_of(item, numbers)


def keep_numbers(stem, module, inputs):
    """Inputs and outputs, computed before anything is written into buffers."""
    tensors = list(tensors_of(inputs))
    for k, x in enumerate(tensors):
        numpy.save(path(f"{stem}.in{k}.npy"), x.numpy())
    for k, out in enumerate(tensors_of(module(*inputs), numbers=True)):
        numpy.save(path(f"{stem}.out{k}.npy"), out.detach().numpy())


def export(stem, module, *inputs, core=False, traced=False, numbers=True, **options):
    module = tidy(module).eval()
    program = torch.export.export(module, inputs, **options)
    if traced:
        torch.jit.trace(module, inputs, check_trace=False).save(path(stem + ".pt"))
        rewrite_traced(stem + ".pt")
    torch.export.save(program, path(stem + ".pt2"))
    rewrite(stem + ".pt2")
    if core:
        torch.export.save(program.run_decompositions(), path(stem + "_core.pt2"))
        rewrite(stem + "_core.pt2")
    if numbers:
        keep_numbers(stem, module, inputs)
    return program


def rewrite_traced(name):
    with zipfile.ZipFile(path(name)) as source:
        records = [(i.filename, source.read(i)) for i in source.infolist()]
    with zipfile.ZipFile(path(name), "w") as target:
        for record, data in records:
            if not record.endswith((".debug_pkl", "serialization_id")):
                target.writestr(zipfile.ZipInfo(record, (1980, 1, 1, 0, 0, 0)), data)


def save_old(name, program):
    """As torch 2.3 to 2.6 wrote it: arguments without their kind, weights by torch.save."""
    artifact = serialize.serialize(program)

    def old_graph(graph):
        for node in graph["nodes"]:
            node.pop("name", None)
            for item in node["inputs"]:
                del item["kind"]
    text = json.loads(artifact.exported_program)
    old_graph(text["graph_module"]["graph"])
    text["schema_version"], text["torch_version"] = {"major": 7, "minor": 1}, "2.5.0"
    with zipfile.ZipFile(path(name), "w") as target:
        target.writestr("version", "7.1")
        target.writestr("serialized_exported_program.json", json.dumps(text))
        target.writestr("serialized_state_dict.pt", artifact.state_dict)
        target.writestr("serialized_constants.pt", artifact.constants)
    rewrite(name)


class Layers(nn.Module):
    """Layers with names, a dictionary with a nested list as result, all kinds of stored tensors."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))
        self.register_buffer("scale", torch.zeros(4, 1, 1))
        self.register_buffer("shift", torch.zeros(1), persistent=False)

    def forward(self, x):
        y = self.act(self.bn(self.conv(x)))
        y = self.act(y * self.scale - torch.tensor([0.5])) * torch.tensor(2.0)
        z = F.adaptive_avg_pool2d(F.max_pool2d(y, 2), 1).flatten(1) + self.shift
        return {"y": y, "rest": [self.head(z), (F.softmax(z, -1),)]}


class Dynamic(nn.Module):
    """Sizes that are only known when they are chosen."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 1)

    def forward(self, x):
        n, c, h, w = x.shape
        y = self.conv(x).view(n, 2, 2, h, w).transpose(1, 2).reshape(n, 4 * h, w)
        grid = torch.arange(h).float() / (w + 1)
        return y[:, : h // 2 + 1], (x.mean((1, 3)) + grid).view(n * h), F.pad(x, (h - 2, 0))


class Written(nn.Module):
    """Writes through views, and a buffer that counts."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        y = self.conv(x)
        y[:, 1:3].add_(1.0)
        y[:, 0] = 2
        self.count += 1
        return y, y.sum() + self.count


class Inputs(nn.Module):
    """Several inputs, nested, of several types, some that are none; tied and strided weights."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.register_buffer("columns", torch.zeros(4, 3).t())
        self.register_buffer("part", torch.zeros(6)[2:5])
        self.register_buffer("a_half", torch.zeros(3, dtype=torch.float16))
        self.register_buffer("a_brain", torch.zeros(3, dtype=torch.bfloat16))
        self.register_buffer("a_double", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("table", torch.zeros(4, 3))

    def forward(self, x, pair, times=2, extra=None):
        first, index = pair
        y = self.b(self.a(x)) * times + first + self.part
        y = y * self.a_half.float() - self.a_brain.float() + self.a_double.float()
        return y @ self.columns, self.table[index], times


class Settings(nn.Module):
    """Parts of the network under other settings; a branch that is known."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.outer = nn.Linear(2, 2)

    def forward(self, x):
        with torch.no_grad():
            y = self.inner(x)
        with torch.autocast("cpu", enabled=False):
            y = self.outer(y) + y
        return y.masked_fill(x > 0.5, float("-inf")).softmax(-1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(4, 12)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return self.norm(x)


class Branch(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        y = self.conv(torch.erfinv(x))
        return torch.special.i0(torch.erfinv(y))


class Plain(nn.Module):
    """For fuzzing: tensors w [4, 4], b [4], n (a number), as fuzz_pt2.c has them."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(4, 4))
        self.b = nn.Parameter(torch.zeros(4))
        self.register_buffer("n", torch.tensor(0))

    def forward(self, x):
        y = F.conv2d(x, self.w[:, :, None, None], self.b, stride=2)
        y = F.layer_norm(y.flatten(2).transpose(1, 2), (4,), self.b)
        y[:, 0] += self.n
        with torch.no_grad():
            z = F.linear(y, self.w).sigmoid()
        return z.mean(1), torch.cat([y, z], 1), y.max(), F.interpolate(x, scale_factor=2.0)


export("layers", Layers(), torch.rand(1, 2, 4, 4), core=True)
program = export("attention", Attention(), torch.rand(1, 3, 4), core=True, traced=True)
save_old("old.pt2", program)
export("dynamic", Dynamic(), torch.rand(2, 2, 4, 3), core=True, numbers=False,
       dynamic_shapes=({0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO},))
keep_numbers("dynamic", tidy(Dynamic()), (torch.rand(3, 2, 5, 6),))
export("written", Written(), torch.rand(1, 1, 2, 2), core=True, numbers=False)
keep_numbers("written", tidy(Written()), (torch.rand(1, 1, 2, 2),))
export("inputs", Inputs(), torch.rand(2, 3), (torch.rand(2, 3), torch.tensor([1, 0])), 3, core=True)
export("settings", Settings(), torch.rand(1, 2), core=True)
export("branch", Branch(), torch.rand(1, 2), numbers=False)
export("unknown", Unknown(), torch.rand(1, 1, 2, 2), numbers=False)

training = torch.export.export(tidy(Norm()), (torch.rand(2, 2, 2, 2),))
torch.export.save(training, path("training.pt2"))
rewrite("training.pt2")

for stem, dynamic in (("plain", None), ("plain_dynamic", ({2: Dim.AUTO, 3: Dim.AUTO},))):
    program = torch.export.export(tidy(Plain()).eval(), (torch.rand(1, 4, 6, 6),), dynamic_shapes=dynamic)
    for ending, form in (("", program), ("_core", program.run_decompositions())):
        text = json.loads(slim(serialize.serialize(form).exported_program))
        graph = text["graph_module"]["graph"]
        for node in graph["nodes"][1:]:
            del node["metadata"], node["name"]
        for kind in graph["tensor_values"].values():
            for key in ("strides", "requires_grad", "device", "layout", "storage_offset"):
                del kind[key]
        with open(path(stem + ending + ".json"), "w") as file:
            json.dump(text, file, separators=(",", ":"))
