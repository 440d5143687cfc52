/* SPDX-License-Identifier: Apache-2.0 */
/* Files of torch.save: weights, or a whole pickled module, without the sequence of layers that only
   tracing records. The message lists what is inside and the lines that make TorchScript of it. */
#include "torch.h"

#include <string.h>

enum { MAX_TENSORS = 100000, MAX_VISITS = 400000 };

typedef struct inventory {
    ork_arena *arena;
    size_t count, visits;
    const char *names; /* of the first few */
    int64_t channels;  /* in the first weight with 4 axes; 0: none */
    int64_t features;  /* in the first weight with 2 axes; 0: none */
} inventory;

static void note_tensor(inventory *found, const ork_torch_tensor_info *info, const char *name)
{
    enum { SHOWN = 4 };
    char shape[ORK_SHAPE_TEXT];
    if (found->count < SHOWN)
        found->names =
            ork_arena_printf(found->arena, "%s%s%s (%s)", found->names, found->count ? ", " : "",
                             name, ork_shape_text(&info->shape, shape, sizeof(shape)));
    found->count++;
    if (info->shape.rank == 4 && found->channels == 0)
        found->channels = info->shape.dim[1];
    if (info->shape.rank == 2 && found->features == 0 && found->channels == 0)
        found->features = info->shape.dim[1];
}

static void visit(inventory *found, const ork_pickle_value *value, const char *name, int depth);

static void visit_pairs(inventory *found, const ork_pickle_dict *dict, const char *prefix,
                        int depth)
{
    for (size_t i = 0; i < dict->count; i++) {
        const char *key = ork_pickle_text(dict->items[i].key);
        if (key)
            visit(found, dict->items[i].value,
                  *prefix ? ork_arena_printf(found->arena, "%s.%s", prefix, key) : key, depth - 1);
    }
}

/* A module keeps its tensors in three dictionaries. */
static void visit_module(inventory *found, const ork_pickle_value *module, const char *name,
                         int depth)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    for (size_t i = 0; i < ORK_COUNT(parts); i++)
        visit(found, ork_pickle_get(module, parts[i]), name, depth - 1);
}

static void visit(inventory *found, const ork_pickle_value *value, const char *name, int depth)
{
    ork_torch_tensor_info info;
    if (!value || depth <= 0 || found->visits++ > MAX_VISITS || found->count > MAX_TENSORS)
        return;
    if (ork_torch_tensor_info_get(value, &info))
        note_tensor(found, &info, name);
    else if (value->kind == ORK_PICKLE_DICT)
        visit_pairs(found, &value->dict, name, depth);
    else if (value->kind == ORK_PICKLE_OBJECT)
        visit_module(found, value, name, depth);
    else if (value->kind == ORK_PICKLE_CALL)
        visit_pairs(found, &value->object->entries, name, depth);
}

/* "torch.nn.modules.container.Sequential"; old files keep the class beside its source text. */
static const char *class_name(ork_arena *arena, const ork_pickle_value *object)
{
    const ork_pickle_value *class = object->object->callable;
    if (ork_pickle_is(class, ORK_PICKLE_PERSISTENT))
        class = ork_pickle_item(class->id, 1);
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL))
        return NULL;
    return ork_arena_printf(arena, "%s.%s", class->global.module, class->global.name);
}

static bool is_module(const ork_pickle_value *value)
{
    return ork_pickle_is(value, ORK_PICKLE_OBJECT) && ork_pickle_get(value, "_modules") &&
           ork_pickle_get(value, "_parameters");
}

/* In a checkpoint the weights stand beside the epoch and the optimizer: under which key? */
static const char *weights_key(const ork_pickle_value *object)
{
    static const char *const keys[] = {"ema", "model",   "state_dict", "model_state_dict",
                                       "net", "network", "weights",    "params"};
    for (size_t i = 0; i < ORK_COUNT(keys); i++) {
        const ork_pickle_value *inside = ork_pickle_get(object, keys[i]);
        if (ork_pickle_is(inside, ORK_PICKLE_DICT) || ork_pickle_is(inside, ORK_PICKLE_CALL) ||
            is_module(inside))
            return keys[i];
    }
    return NULL;
}

const char *ork_torch_example_input(ork_arena *arena, const ork_import_options *options,
                                    const char *otherwise)
{
    const char *text = "";
    if (!options->inputs || options->input_count < 1 || options->input_count > 16)
        return otherwise;
    for (int i = 0; i < options->input_count; i++) {
        const ork_import_input *input = &options->inputs[i];
        text = ork_arena_printf(arena, "%s%storch.zeros(%s", text, i ? ", " : "",
                                input->rank == 3 ? "1, " : "");
        for (int d = 0; d < input->rank && d < ORK_MAX_RANK; d++)
            text =
                ork_arena_printf(arena, "%s%s%lld", text, d ? ", " : "", (long long)input->dim[d]);
        text = ork_arena_printf(arena, "%s)", text);
    }
    return options->input_count > 1 ? ork_arena_printf(arena, "(%s)", text) : text;
}

/* From the first layer's weight. A first layer with many channels follows a layer without weights
   that gathers pixels into channels, as in YOLOX. */
static const char *guess_input(const inventory *found)
{
    if (found->channels > 0)
        return ork_arena_printf(found->arena, "torch.zeros(1, %lld, H, W)",
                                (long long)(found->channels <= 4 ? found->channels : 3));
    if (found->features > 0)
        return ork_arena_printf(found->arena, "torch.zeros(1, %lld)", (long long)found->features);
    return "torch.zeros(1, 3, H, W)";
}

/* "net.pt" for "folder/net.pth" */
static const char *traced_name(ork_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    const char *ending = dot && !strcmp(dot, ".pt") ? "_traced.pt" : ".pt";
    return ork_arena_printf(arena, "%.*s%s", (int)length, name, ending);
}

static bool fix_lines(ork_diag *diag, const inventory *found, const char *path, const char *load,
                      const ork_import_options *options)
{
    const char *input = ork_torch_example_input(found->arena, options, guess_input(found));
    return ork_fix(diag,
                   "run this in Python, beside the code of the model%s:\n"
                   "    import torch\n%s"
                   "    traced = torch.jit.trace(model.eval(), %s)\n"
                   "    traced.save('%s')",
                   strstr(input, "H, W") ? " (H and W are the size of your pictures)" : "", load,
                   input, traced_name(found->arena, path));
}

bool ork_torch_fail_saved(ork_diag *diag, ork_arena *arena, const char *path,
                          const ork_pickle_value *object, const ork_import_options *options)
{
    inventory found = {.arena = arena, .names = ""};
    const char *key = is_module(object) ? NULL : weights_key(object);
    const ork_pickle_value *inside = key ? ork_pickle_get(object, key) : object;
    visit(&found, inside, "", ORK_PICKLE_DEPTH);
    const char *from = ork_arena_printf(arena, "torch.load('%s', map_location='cpu')%s%s%s", path,
                                        key ? "['" : "", key ? key : "", key ? "']" : "");
    const char *load;
    if (is_module(inside)) {
        const char *class = class_name(arena, inside);
        ork_fail(diag, ORK_ERR_TORCH_WEIGHTS_ONLY,
                 "this is a whole module%s%s pickled by torch.save, with %zu tensors",
                 class ? " of class " : "", class ? class : "", found.count);
        load = ork_arena_printf(arena, "    model = %s.float()\n", from);
    } else {
        ork_fail(diag, ORK_ERR_TORCH_WEIGHTS_ONLY,
                 "this file holds %zu tensors and no network%s%s%s", found.count,
                 key ? " (a checkpoint, weights under '" : " (a state_dict)", key ? key : "",
                 key ? "')" : "");
        load = ork_arena_printf(arena,
                                "    from your_code import YourModel\n"
                                "    model = YourModel()\n"
                                "    model.load_state_dict(%s)\n",
                                from);
    }
    ork_where(diag, "%s", path);
    ork_why(diag, "torch.save keeps weights by name, not the sequence of layers%s%s",
            found.count ? "; it has " : "", found.names);
    return fix_lines(diag, &found, path, load, options);
}
