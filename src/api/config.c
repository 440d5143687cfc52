/* SPDX-License-Identifier: Apache-2.0 */
/* RKNN.config as text: one table of keys, one check for each kind of value. */
#include "internal.h"

#include "../npu/npu.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const ork_config_key keys[CONFIG_COUNT] = {
#define ORK_CONFIG(key, fallback, values, help) {#key, fallback, values, help},
#include "config.def"
#undef ORK_CONFIG
};

const ork_config_key *ork_config_key_at(int index)
{
    return index >= 0 && index < CONFIG_COUNT ? &keys[index] : NULL;
}

int config_int(const ork_model *model, config_id id)
{
    return atoi(model->values[id]);
}

/* ---- lists of numbers ---- */

/* The next number of one input's list; false at '#', at the end, or at anything else. */
static bool next_number(const char **at, double *number)
{
    *at += strspn(*at, " ,\t\n[]");
    char *end;
    *number = strtod(*at, &end);
    if (end == *at)
        return false;
    *at = end;
    return true;
}

static bool is_finite_text(double number)
{
    return number > -1e30 && number < 1e30;
}

static bool check_numbers(ork_model *model, config_id id, const char *value)
{
    bool is_std = id == CONFIG_std_values;
    for (const char *at = value;;) {
        double number;
        while (next_number(&at, &number)) {
            if (is_std && number == 0.0) {
                ork_fail(model->diag, ORK_ERR_MEAN_STD, "std_values holds a 0: '%s'", value);
                ork_why(model->diag, "every channel is divided by its std");
                return ork_fix(model->diag, "use 1 where nothing is to be divided");
            }
            if (!is_finite_text(number))
                return ork_fail(model->diag, ORK_ERR_MEAN_STD, "%s is out of range: '%s'",
                                keys[id].name, value);
        }
        if (*at == '\0')
            return true;
        if (*at++ != '#') {
            ork_fail(model->diag, ORK_ERR_MEAN_STD, "%s is not a list of numbers: '%s'",
                     keys[id].name, value);
            return ork_fix(model->diag, "write it as [[123.675, 116.28, 103.53]], one list for "
                                        "each input");
        }
    }
}

static bool fail_order(ork_model *model, const char *value, const char *why)
{
    ork_fail(model->diag, ORK_ERR_REORDER, "reorder_channel '%s' is not an order of channels",
             value);
    return ork_why(model->diag, "%s", why);
}

/* One input's order: each of 0 .. n-1 once. */
static bool check_one_order(ork_model *model, const char *value, const char **at)
{
    unsigned seen = 0;
    int count = 0;
    double number;
    while (next_number(at, &number)) {
        int channel = number >= 0 && number < 16 ? (int)number : -1;
        if (channel < 0 || (double)channel != number)
            return fail_order(model, value, "channels are whole numbers from 0");
        if (seen & 1u << channel)
            return fail_order(model, value, "a channel stands there twice");
        seen |= 1u << channel;
        count++;
    }
    if (**at && **at != '#')
        return fail_order(model, value, "something in it is not a number");
    return seen == (1u << count) - 1 || fail_order(model, value, "a channel is missing");
}

static bool check_order(ork_model *model, config_id id, const char *value)
{
    (void)id;
    const char *at = value;
    do {
        at += *at == '#';
        if (!check_one_order(model, value, &at))
            return false;
    } while (*at == '#');
    return true;
}

/* ---- other kinds ---- */

static bool fail_value(ork_model *model, config_id id, const char *value, const char *wanted)
{
    ork_fail(model->diag, ORK_ERR_CONFIG_VALUE, "%s cannot be '%s'", keys[id].name, value);
    return ork_fix(model->diag, "give %s", wanted);
}

static bool check_bool(ork_model *model, config_id id, const char *value)
{
    return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ||
           fail_value(model, id, value, "0 or 1");
}

static bool check_int(ork_model *model, config_id id, const char *value)
{
    char *end;
    long number = strtol(value, &end, 10);
    bool whole = end != value && !*end && number >= -1000000 && number <= 1000000;
    if (id == CONFIG_optimization_level)
        return (whole && number >= 0 && number <= 3) ||
               fail_value(model, id, value, "a level from 0 to 3");
    if (id == CONFIG_batch_size)
        return (whole && number >= 1) || fail_value(model, id, value, "a whole number from 1");
    return whole || fail_value(model, id, value, "a whole number");
}

static bool check_points(ork_model *model, config_id id, const char *value)
{
    char *end;
    const double points = strtod(value, &end);
    return (end != value && !*end && points >= 0 && points <= 100) ||
           fail_value(model, id, value, "a number from 0 to 100, as 0.5");
}

static bool check_targets(ork_model *model, config_id id, const char *value)
{
    ork_family family;
    (void)id;
    return ork_soc_family(model->diag, value, &family);
}

/* Which of "a=b|c" the value is, by its place, or -1. */
static int choice_of(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (int place = 0;;) {
        size_t word = strcspn(choices, "|=");
        if (word == length && memcmp(choices, value, length) == 0)
            return place;
        if (!choices[word])
            return -1;
        place += choices[word] == '|';
        choices += word + 1;
    }
}

static bool check_choice(ork_model *model, config_id id, const char *value)
{
    if (choice_of(keys[id].values, value) >= 0)
        return true;
    if (id == CONFIG_quantized_dtype)
        return fail_value(model, id, value,
                          "asymmetric_quantized-u8, dynamic_fixed_point-i8 or "
                          "dynamic_fixed_point-i16");
    return fail_value(model, id, value,
                      id == CONFIG_quantized_method ? "layer or channel"
                                                    : "normal, mmse or kl_divergence");
}

ork_dtype config_dtype(const ork_model *model)
{
    static const ork_dtype types[] = {ORK_U8, ORK_I8, ORK_I16};
    return types[choice_of(keys[CONFIG_quantized_dtype].values,
                           model->values[CONFIG_quantized_dtype])];
}

static bool fail_by_channel(ork_model *model, ork_error_id error, const char *with, const char *why,
                            const char *fix)
{
    ork_fail(model->diag, error, "quantized_method cannot be 'channel' with %s", with);
    ork_why(model->diag, "%s", why);
    return ork_fix(model->diag, "%s", fix);
}

bool config_by_channel(ork_model *model, bool *by_channel)
{
    const char *target = model->values[CONFIG_target_platform];
    ork_family family;
    *by_channel = strcmp(model->values[CONFIG_quantized_method], "channel") == 0;
    if (!*by_channel)
        return true;
    if (config_dtype(model) != ORK_U8)
        return fail_by_channel(model, ORK_ERR_CONFIG_VALUE, model->values[CONFIG_quantized_dtype],
                               "fixed point has one number of fraction bits for a tensor",
                               "use quantized_dtype='asymmetric_quantized-u8'");
    if (config_int(model, CONFIG_vendor_exact))
        return fail_by_channel(model, ORK_ERR_CONFIG_VALUE, "vendor_exact",
                               "the vendor's toolkit gives a weight one scale",
                               "leave out one of the two");
    if (!ork_soc_family(model->diag, target, &family))
        return false;
    return family == ORK_FAMILY_LION ||
           fail_by_channel(model, ORK_ERR_TARGET, target,
                           "the driver of this chip takes one scale for a whole weight",
                           "leave it at 'layer': groups of channels (splits, on by default) serve "
                           "the same end on every chip");
}

static const struct {
    const char *kind;
    bool (*check)(ork_model *model, config_id id, const char *value);
} kinds[] = {
    {"numbers", check_numbers}, {"order", check_order},     {"bool", check_bool},
    {"int", check_int},         {"targets", check_targets}, {"points", check_points},
};

static bool check(ork_model *model, config_id id, const char *value)
{
    for (size_t i = 0; i < ORK_COUNT(kinds); i++)
        if (strcmp(kinds[i].kind, keys[id].values) == 0)
            return kinds[i].check(model, id, value);
    return check_choice(model, id, value);
}

bool ork_model_config(ork_model *model, const char *key, const char *value)
{
    ork_diag_clear(model->diag);
    const char *names[CONFIG_COUNT];
    for (int i = 0; i < CONFIG_COUNT; i++) {
        names[i] = keys[i].name;
        if (strcmp(key, keys[i].name) != 0)
            continue;
        if (!*value)
            value = keys[i].default_value;
        if (*value && !check(model, (config_id)i, value))
            return false;
        model->values[i] = ork_arena_strdup(model->arena, value);
        return true;
    }
    const char *near = ork_nearest_name(key, names, CONFIG_COUNT);
    ork_fail(model->diag, ORK_ERR_CONFIG_KEY, "there is no configuration key '%s'", key);
    return near ? ork_fix(model->diag, "did you mean '%s'?", near)
                : ork_fix(model->diag, "'ork convert --help-config' lists the keys");
}

/* ---- preprocessing ---- */

enum { MOST_CHANNELS = 4096 };

/* The numbers of input `index`; -1 when the text has no list for it. */
static int list_of(const char *text, size_t index, double *numbers)
{
    for (; index > 0; index--) {
        text = strchr(text, '#');
        if (!text)
            return -1;
        text++;
    }
    int count = 0;
    double number;
    while (count < MOST_CHANNELS && next_number(&text, &number))
        numbers[count++] = number;
    return count;
}

static size_t list_count(const char *text)
{
    size_t count = *text ? 1 : 0;
    for (; *text; text++)
        count += *text == '#';
    return count;
}

static bool check_list_count(ork_model *model, const ork_graph *graph, config_id id)
{
    size_t count = list_count(model->values[id]), inputs = graph->inputs.count;
    if (count <= 1 || count == inputs) /* one list is for the first input */
        return true;
    ork_fail(model->diag, id == CONFIG_reorder_channel ? ORK_ERR_REORDER : ORK_ERR_MEAN_STD,
             "%s has %zu lists, but the network has %zu %s", keys[id].name, count, inputs,
             inputs == 1 ? "input" : "inputs");
    return ork_fix(model->diag, "give one list for each input");
}

static bool check_length(ork_model *model, config_id id, const ork_value *value, size_t index,
                         int length, int channels)
{
    if (length <= 0 || length == channels || (length == 1 && id != CONFIG_reorder_channel))
        return true;
    ork_fail(model->diag, id == CONFIG_reorder_channel ? ORK_ERR_REORDER : ORK_ERR_MEAN_STD,
             "input '%s' has %d channels, but %s[%zu] has %d entries", value->name, channels,
             keys[id].name, index, length);
    return ork_fix(model->diag, "give one number for each channel (axis 1 of N C H W)");
}

/* Channels of the input as a picture; 0 when it is none. */
static int channels_of(const ork_value *value)
{
    const ork_shape *shape = &value->type.shape;
    return shape->rank == 4 && shape->dim[1] <= MOST_CHANNELS ? (int)shape->dim[1] : 0;
}

static bool set_input(ork_model *model, ork_graph *graph, size_t index, double *numbers)
{
    static const config_id ids[] = {CONFIG_mean_values, CONFIG_std_values, CONFIG_reorder_channel};
    ork_graph_input *input = &graph->inputs.items[index];
    int channels = channels_of(input->value);
    size_t count = (size_t)channels;
    ork_preprocess p = {channels, ORK_NEW_ARRAY(graph->arena, float, count),
                        ORK_NEW_ARRAY(graph->arena, float, count),
                        ORK_NEW_ARRAY(graph->arena, int, count)};
    bool given = false;
    for (int c = 0; c < channels; c++) {
        p.std[c] = 1;
        p.reorder[c] = c;
    }
    for (size_t k = 0; k < ORK_COUNT(ids); k++) {
        int length = list_of(model->values[ids[k]], index, numbers);
        if (!check_length(model, ids[k], input->value, index, length, channels))
            return false;
        given = given || length > 0;
        for (int c = 0; length > 0 && c < channels; c++) {
            double number = numbers[length == 1 ? 0 : c];
            if (ids[k] == CONFIG_reorder_channel)
                p.reorder[c] = (int)number;
            else
                (ids[k] == CONFIG_mean_values ? p.mean : p.std)[c] = (float)number;
        }
    }
    if (given && channels)
        input->preprocess = p;
    return true;
}

bool config_preprocess(ork_model *model, ork_graph *graph)
{
    if (!check_list_count(model, graph, CONFIG_mean_values) ||
        !check_list_count(model, graph, CONFIG_std_values) ||
        !check_list_count(model, graph, CONFIG_reorder_channel))
        return false;
    double *numbers = ORK_NEW_ARRAY(graph->arena, double, MOST_CHANNELS);
    for (size_t i = 0; i < graph->inputs.count; i++)
        if (!set_input(model, graph, i, numbers))
            return false;
    return true;
}
