/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid quantization: a file tells which layers are computed with which numbers, and the ranges of
   all tensors. */
#include "hybrid.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static const struct {
    const char *name;
    ork_dtype dtype;
} dtype_names[] = {
    {"asymmetric_affine-u8", ORK_U8},
    {"asymmetric_quantized-u8", ORK_U8},
    {"u8", ORK_U8},
    {"dynamic_fixed_point-i8", ORK_I8},
    {"dynamic_fixed_point-8", ORK_I8},
    {"i8", ORK_I8},
    {"dynamic_fixed_point-i16", ORK_I16},
    {"dynamic_fixed_point-16", ORK_I16},
    {"i16", ORK_I16},
    {"float32", ORK_F32},
    {"float", ORK_F32},
};

const char *ork_hybrid_name(ork_arena *arena, const ork_value *value, size_t place)
{
    return ork_arena_printf(arena, "%s_%zu", value->name, place);
}

/* ---- writing ---- */

/* What stands under a tensor: the first two under all, then those of affine ones, then of others.
 */
static const char *const field_names[] = {"max_value", "min_value", "zero_point", "scale", "fl"};

static bool has_field(ork_dtype dtype, size_t field)
{
    enum { AFFINE = 2, FIXED = 4 };
    return field < AFFINE || (field < FIXED) == (dtype == ORK_U8);
}

static double field_of(ork_dtype dtype, ork_range range, size_t field)
{
    const ork_quant quant = ork_quant_of_range(dtype, range);
    const double all[] = {(double)range.max, (double)range.min, quant.zero_point,
                          (double)quant.scale, quant.fraction_length};
    return all[field];
}

/* One range for the whole tensor, or one for each channel. */
static void write_tensor(ork_str *out, const char *key, ork_dtype dtype, const ork_range *ranges,
                         int64_t count, bool by_channel)
{
    ork_str_printf(out, "    '@%s':\n        dtype: %s\n        method: %s\n", key,
                   dtype == ORK_U8 ? "asymmetric_affine" : "dynamic_fixed_point",
                   by_channel ? "channel" : "layer");
    for (size_t i = 0; i < ORK_COUNT(field_names); i++) {
        if (!has_field(dtype, i))
            continue;
        ork_str_printf(out, "        %s:\n", field_names[i]);
        for (int64_t c = 0; c < count; c++)
            ork_str_printf(out, "        -   %.9g\n", field_of(dtype, ranges[c], i));
    }
    ork_str_printf(out, "        qtype: %s\n", ork_dtype_table[dtype].name);
}

static void write_weight(ork_str *out, ork_arena *arena, const char *key, const ork_node *node,
                         ork_dtype dtype, bool by_channel)
{
    const ork_value *weight = node->inputs[1];
    const ork_quant quant = ork_weight_quant(arena, node, dtype, by_channel);
    const ork_range whole = ork_constant_range(weight);
    if (quant.scheme == ORK_SCHEME_PER_CHANNEL)
        write_tensor(out, key, dtype, ork_weight_ranges(arena, node),
                     weight->type.shape.dim[quant.axis], true);
    else
        write_tensor(out, key, dtype, &whole, 1, false);
}

void ork_hybrid_write(ork_str *out, const ork_graph *graph, const ork_range *ranges,
                      ork_dtype dtype, bool by_channel, const char *checksum)
{
    ork_arena *arena = ork_arena_new();
    ork_str_printf(out,
                   "%%YAML 1.2\n---\n# add layer name and corresponding quantized_dtype to "
                   "customized_quantize_layers, e.g conv2_3: float32\n# A name may be a pattern "
                   "('head*'), a type ('op:conv2d') or a range ('conv2_3..conv5_9').\n"
                   "model_checksum: %s\ncustomized_quantize_layers: {}\nquantize_parameters:\n",
                   checksum);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_value *value = graph->inputs.items[i].value;
        write_tensor(out, ork_arena_printf(arena, "%s_0:out0", value->name), dtype,
                     &ranges[value->id], 1, false);
    }
    size_t place = 0;
    for (const ork_node *node = graph->first; node; node = node->next) {
        const char *name = ork_hybrid_name(arena, node->output, ++place);
        if (!ork_quant_has_integer_form(node))
            continue;
        if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
            write_weight(out, arena, ork_arena_printf(arena, "%s:weight", name), node, dtype,
                         by_channel);
        if (ranges[node->output->id].seen)
            write_tensor(out, ork_arena_printf(arena, "%s:out0", name), dtype,
                         &ranges[node->output->id], 1, false);
    }
    ork_arena_free(arena);
}

/* ---- using ---- */

typedef struct use {
    ork_diag *diag;
    ork_arena *arena;
    const ork_graph *graph;
    ork_dtype *dtypes; /* by value id */
    ORK_VEC(const ork_node *) nodes;
    ork_names names; /* name_place of each node */
} use;

static bool fail_unknown(const use *u, const char *what, const char *name, size_t line,
                         const ork_names *names)
{
    char layer[256];
    snprintf(layer, sizeof(layer), "%.*s", (int)strcspn(name, ":"), name);
    const char *near = ork_nearest_name(layer, (const char *const *)names->items, names->count);
    ork_fail(u->diag, ORK_ERR_HYBRID, "there is no %s '%s' (line %zu of the configuration)", what,
             name, line);
    return near ? ork_fix(u->diag, "did you mean '%s'?", near)
                : ork_fix(u->diag, "'ork info MODEL --graph' lists the layers");
}

static size_t place_of(const use *u, const char *name, size_t length)
{
    for (size_t i = 0; i < u->nodes.count; i++) {
        const char *given[] = {u->nodes.items[i]->output->name, u->nodes.items[i]->name,
                               u->names.items[i]};
        for (size_t k = 0; k < ORK_COUNT(given); k++)
            if (strlen(given[k]) == length && memcmp(given[k], name, length) == 0)
                return i;
    }
    return u->nodes.count;
}

static bool fits_pattern(const use *u, const char *pattern, size_t i)
{
    const ork_node *node = u->nodes.items[i];
    if (strncmp(pattern, "op:", 3) == 0)
        return strcmp(pattern + 3, ork_op_table[node->op].name) == 0;
    return fnmatch(pattern, node->output->name, 0) == 0 ||
           fnmatch(pattern, u->names.items[i], 0) == 0;
}

static bool is_pattern(const char *selector)
{
    return strncmp(selector, "op:", 3) == 0 || strpbrk(selector, "*?");
}

/* Marks the nodes that the selector names: a range by its ends, a pattern, or one layer. */
static bool select_nodes(const use *u, const ork_hybrid_layer *layer, bool *selected, size_t *count)
{
    const char *dots = strstr(layer->selector, "..");
    const size_t all = u->nodes.count;
    *count = 0;
    size_t first = place_of(u, layer->selector, strlen(layer->selector)), last = first;
    if (first == all && is_pattern(layer->selector)) {
        for (size_t i = 0; i < all; i++)
            *count += selected[i] = fits_pattern(u, layer->selector, i);
        return *count > 0 ||
               fail_unknown(u, "layer that fits", layer->selector, layer->line, &u->names);
    }
    if (first == all && dots) {
        first = place_of(u, layer->selector, (size_t)(dots - layer->selector));
        last = place_of(u, dots + 2, strlen(dots + 2));
    }
    if (first == all || last == all || last < first)
        return fail_unknown(u, "layer", layer->selector, layer->line, &u->names);
    for (size_t i = first; i <= last; i++)
        *count += selected[i] = true;
    return true;
}

static bool dtype_named(const use *u, const ork_hybrid_layer *layer, ork_dtype *dtype)
{
    const char *names[ORK_COUNT(dtype_names)];
    for (size_t i = 0; i < ORK_COUNT(dtype_names); i++) {
        names[i] = dtype_names[i].name;
        if (strcmp(layer->dtype, names[i]) == 0) {
            *dtype = dtype_names[i].dtype;
            return true;
        }
    }
    const char *near = ork_nearest_name(layer->dtype, names, ORK_COUNT(names));
    ork_fail(u->diag, ORK_ERR_HYBRID, "'%s' is no type of a layer (line %zu of the configuration)",
             layer->dtype, layer->line);
    return ork_fix(u->diag,
                   "did you mean '%s'? There are asymmetric_affine-u8, "
                   "dynamic_fixed_point-i8, dynamic_fixed_point-i16 and float32",
                   near ? near : "dynamic_fixed_point-i16");
}

static bool apply_layer(const use *u, const ork_hybrid_layer *layer)
{
    bool *selected = ORK_NEW_ARRAY(u->arena, bool, u->nodes.count + 1);
    ork_dtype dtype = ORK_F32;
    size_t count = 0, changed = 0;
    if (!dtype_named(u, layer, &dtype) || !select_nodes(u, layer, selected, &count))
        return false;
    for (size_t i = 0; i < u->nodes.count; i++) {
        const ork_node *node = u->nodes.items[i];
        if (!selected[i] || !ork_quant_has_integer_form(node))
            continue;
        changed += u->dtypes[node->output->id] != dtype;
        u->dtypes[node->output->id] = dtype;
    }
    if (changed)
        return true;
    ork_fail(u->diag, ORK_ERR_HYBRID, "'%s: %s' changes nothing (line %zu of the configuration)",
             layer->selector, layer->dtype, layer->line);
    ork_why(u->diag, "%s",
            count > 1 ? "the layers are computed so already, or have no integers"
                      : "the layer is computed so already, or has no integers");
    return ork_fix(u->diag, "take the line out");
}

/* The tensor behind "conv2_3:out0", *part what stands behind the colon; NULL for what is none. */
static const ork_value *tensor_named(const use *u, const char *key, const char **part)
{
    const char *colon = strrchr(key, ':');
    if (!colon)
        return NULL;
    *part = colon + 1;
    const size_t length = (size_t)(colon - key);
    for (size_t i = 0; i < u->graph->inputs.count; i++) {
        const ork_value *value = u->graph->inputs.items[i].value;
        const size_t own = strlen(value->name);
        if (length == own + 2 && memcmp(key, value->name, own) == 0 &&
            memcmp(key + own, "_0", 2) == 0)
            return value;
    }
    const size_t place = place_of(u, key, length);
    return place < u->nodes.count ? u->nodes.items[place]->output : NULL;
}

static bool check_weight(const use *u, const ork_value *value, const ork_hybrid_tensor *tensor)
{
    const ork_range range = ork_constant_range(value->producer->inputs[1]);
    const double slack = 1e-5 * (fabs((double)range.min) + fabs((double)range.max));
    if (fabs(tensor->min - (double)range.min) <= slack &&
        fabs(tensor->max - (double)range.max) <= slack)
        return true;
    ork_fail(u->diag, ORK_ERR_HYBRID,
             "the range of the weights '%s' was changed (line %zu of the configuration)",
             tensor->key, tensor->line);
    ork_why(u->diag, "weights have the range %g to %g, which is always used whole",
            (double)range.min, (double)range.max);
    return ork_fix(u->diag, "leave it as it was; ranges of outputs (:out0) can be changed");
}

static bool apply_tensor(const use *u, const ork_hybrid_tensor *tensor, ork_range *ranges)
{
    const char *part = "";
    const ork_value *value = tensor_named(u, tensor->key, &part);
    if (!value ||
        (strcmp(part, "out0") != 0 && strcmp(part, "weight") != 0 && strcmp(part, "bias") != 0))
        return fail_unknown(u, "tensor", tensor->key, tensor->line, &u->names);
    if (strcmp(part, "bias") == 0 || (!tensor->has_min && !tensor->has_max))
        return true;
    if (!tensor->has_min || !tensor->has_max || tensor->min > tensor->max) {
        ork_fail(u->diag, ORK_ERR_HYBRID, "'%s' has no range (line %zu of the configuration)",
                 tensor->key, tensor->line);
        return ork_fix(u->diag, "give min_value and max_value, the lesser first");
    }
    if (strcmp(part, "weight") == 0)
        return !value->producer || ork_op_table[value->producer->op].op_class != ORK_CLASS_CONV ||
               check_weight(u, value, tensor);
    ranges[value->id] = (ork_range){(float)tensor->min, (float)tensor->max, true};
    return true;
}

static bool check_ranges(const use *u, const ork_range *ranges)
{
    for (size_t i = 0; i < u->nodes.count; i++) {
        const ork_node *node = u->nodes.items[i];
        if (ranges[node->output->id].seen || !ork_quant_has_integer_form(node) ||
            u->dtypes[node->output->id] == ORK_F32)
            continue;
        ork_fail(u->diag, ORK_ERR_HYBRID, "the configuration has no range of '%s:out0'",
                 u->names.items[i]);
        return ork_fix(u->diag, "keep what hybrid_quantization_step1() wrote under "
                                "quantize_parameters");
    }
    return true;
}

/* A chip of the first generation knows two kinds of integers in a model. */
static void note_kinds(const use *u)
{
    bool used[ORK_DTYPE_COUNT] = {0};
    for (size_t i = 0; i < u->nodes.count; i++)
        if (ork_quant_has_integer_form(u->nodes.items[i]))
            used[u->dtypes[u->nodes.items[i]->output->id]] = true;
    if (used[ORK_U8] + used[ORK_I8] + used[ORK_I16] > 2)
        ork_log(u->diag, ORK_LOG_WARNING,
                "the model holds three kinds of integers: the simulator computes it, a chip takes "
                "two at most");
}

bool ork_hybrid_quantize(ork_diag *diag, ork_graph *graph, const char *text, ork_dtype dtype,
                         bool by_channel, const char *checksum)
{
    ork_arena *arena = ork_arena_new();
    ork_hybrid_config config;
    use u = {.diag = diag,
             .arena = arena,
             .graph = graph,
             .dtypes = ORK_NEW_ARRAY(arena, ork_dtype, graph->values.count)};
    ork_range *ranges = ORK_NEW_ARRAY(arena, ork_range, graph->values.count);
    for (const ork_node *node = graph->first; node; node = node->next) {
        u.dtypes[node->output->id] = dtype;
        ork_vec_push(arena, &u.nodes, node);
        ork_vec_push(arena, &u.names, ork_hybrid_name(arena, node->output, u.nodes.count));
    }
    bool good = ork_hybrid_read(diag, arena, text, &config);
    if (good && *config.checksum && strcmp(config.checksum, checksum) != 0) {
        good = ork_fail(diag, ORK_ERR_HYBRID, "the configuration is of another network");
        ork_why(diag, "the checksum in it is not that of the data");
        ork_fix(diag, "give the three files of one call of hybrid_quantization_step1()");
    }
    for (size_t i = 0; good && i < config.layers.count; i++)
        good = apply_layer(&u, &config.layers.items[i]);
    for (size_t i = 0; good && i < config.tensors.count; i++)
        good = apply_tensor(&u, &config.tensors.items[i], ranges);
    good = good && check_ranges(&u, ranges);
    if (good)
        note_kinds(&u);
    good = good && ork_quantize_by(diag, graph,
                                   &(ork_recipe){.dtype = dtype,
                                                 .ranges = ranges,
                                                 .dtypes = u.dtypes,
                                                 .by_channel = by_channel});
    ork_arena_free(arena);
    return good;
}
