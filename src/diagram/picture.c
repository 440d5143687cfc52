/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include "../codec/codec.h"

#include <string.h>

const picture_colour picture_colours[] = {
    [ORK_CLASS_CONV] = {"conv", "#2f6fb3"},     [ORK_CLASS_POOL] = {"pool", "#3a7d44"},
    [ORK_CLASS_UNARY] = {"unary", "#a5483a"},   [ORK_CLASS_BINARY] = {"binary", "#5b6270"},
    [ORK_CLASS_REDUCE] = {"reduce", "#2d7f7b"}, [ORK_CLASS_CAST] = {"cast", "#8a4f9e"},
    [ORK_CLASS_SHAPE] = {"shape", "#8a6a1f"},   [ORK_CLASS_OTHER] = {"other", "#4c5f9e"},
    [ORK_CLASS_OTHER + 1] = {"end", "#454b54"},
};
const int picture_colour_count = ORK_COUNT(picture_colours);

enum { NAME_LENGTH = 34, END_COLOUR = ORK_CLASS_OTHER + 1, MOST_DETAILS = 3 };

/* ---- text --------------------------------------------------------------------------------- */

const char *clean_text(ork_arena *arena, const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t length = strlen(text), at = 0;
    char *clean = ork_arena_alloc(arena, length * 3 + 1);
    while (length > 0) {
        size_t step = ork_utf8_step(text, length);
        bool noncharacter = step == 3 && (uint8_t)text[0] == 0xef && (uint8_t)text[1] == 0xbf &&
                            (uint8_t)text[2] >= 0xbe;
        bool control = step == 1 && ((uint8_t)text[0] < 0x20 || text[0] == 0x7f);
        bool control_of_eight_bits =
            step == 2 && (uint8_t)text[0] == 0xc2 && (uint8_t)text[1] < 0xa0;
        if (step == 0 || control || control_of_eight_bits || noncharacter) {
            memcpy(clean + at, replacement, 3);
            at += 3;
        } else {
            memcpy(clean + at, text, step);
            at += step;
        }
        text += step ? step : 1;
        length -= step ? step : 1;
    }
    return clean;
}

static bool starts_character(char c)
{
    return ((uint8_t)c & 0xc0) != 0x80;
}

int text_length(const char *text)
{
    int length = 0;
    for (; *text; text++)
        length += starts_character(*text);
    return length;
}

static const char *skip(const char *text, int characters)
{
    for (; *text; text++)
        if (starts_character(*text) && characters-- == 0)
            break;
    return text;
}

const char *shorten(ork_arena *arena, const char *text, int most)
{
    int length = text_length(text), head = (most - 1) / 2, tail = most - 1 - head;
    if (length <= most)
        return text;
    return ork_arena_printf(arena, "%.*s…%s", (int)(skip(text, head) - text), text,
                            skip(text, length - tail));
}

/* ---- types and attributes ----------------------------------------------------------------- */

static const char *shape_text(ork_arena *arena, const ork_shape *shape)
{
    char text[ORK_SHAPE_TEXT];
    return ork_arena_strdup(arena, ork_shape_text(shape, text, sizeof(text)));
}

const char *type_text(ork_arena *arena, const ork_type *type)
{
    return ork_arena_printf(arena, "%s %s", ork_dtype_table[type->dtype].name,
                            shape_text(arena, &type->shape));
}

const char *quant_text(ork_arena *arena, const ork_type *type)
{
    const ork_quant *q = &type->quant;
    switch (q->scheme) {
    case ORK_SCHEME_AFFINE:
        return ork_arena_printf(arena, "scale %.6g, zero point %d", (double)q->scale,
                                q->zero_point);
    case ORK_SCHEME_DFP:
        return ork_arena_printf(arena, "fraction length %d", q->fraction_length);
    case ORK_SCHEME_PER_CHANNEL:
        return ork_arena_printf(arena, "a scale for each of %lld channels",
                                (long long)type->shape.dim[q->axis]);
    default:
        return "";
    }
}

static const char *pair_text(ork_arena *arena, const int64_t *v, const char *between)
{
    if (v[0] == v[1] && *between != 'x')
        return ork_arena_printf(arena, "%lld", (long long)v[0]);
    return ork_arena_printf(arena, "%lld%s%lld", (long long)v[0], between, (long long)v[1]);
}

static const char *pad_text(ork_arena *arena, const int64_t *pad)
{
    if (pad[0] == pad[2] && pad[1] == pad[3])
        return pair_text(arena, pad, ",");
    return ork_arena_printf(arena, "%lld,%lld,%lld,%lld", (long long)pad[0], (long long)pad[1],
                            (long long)pad[2], (long long)pad[3]);
}

/* Convolutions and pools begin with the same attributes. */
static const char *window_text(ork_arena *arena, const int64_t *kernel, const int64_t *stride,
                               const int64_t *dilation, const int64_t *pad)
{
    const char *text = pair_text(arena, kernel, "x");
    if (stride[0] != 1 || stride[1] != 1)
        text = ork_arena_printf(arena, "%s/%s", text, pair_text(arena, stride, ","));
    if (dilation[0] > 1 || dilation[1] > 1)
        text = ork_arena_printf(arena, "%s dilation %s", text, pair_text(arena, dilation, ","));
    if (pad[0] || pad[1] || pad[2] || pad[3])
        text = ork_arena_printf(arena, "%s pad %s", text, pad_text(arena, pad));
    return text;
}

static const char *conv_text(ork_arena *arena, const ork_node *node)
{
    const ork_attrs *a = &node->attrs;
    const char *text = window_text(arena, node->inputs[1]->type.shape.dim + 2, a->conv2d.stride.v,
                                   a->conv2d.dilation.v, a->conv2d.pad.v);
    if (a->conv2d.groups <= 1)
        return text;
    if (a->conv2d.groups == node->inputs[0]->type.shape.dim[1])
        return ork_arena_printf(arena, "%s depthwise", text);
    return ork_arena_printf(arena, "%s groups %lld", text, (long long)a->conv2d.groups);
}

static const char *plain_attributes(ork_arena *arena, const ork_node *node)
{
    const ork_op_info *info = &ork_op_table[node->op];
    ork_str text = {0};
    for (int i = 0; i < info->attr_count; i++) {
        size_t length = text.length;
        ork_str_printf(&text, "%s%s ", length ? " " : "", info->attrs[i].name);
        size_t named = text.length;
        ork_attr_print(&text, &info->attrs[i], &node->attrs);
        if (text.length == named) {
            text.length = length;
            text.text[length] = '\0';
        }
    }
    const char *copy = ork_arena_strdup(arena, text.text ? text.text : "");
    ork_str_free(&text);
    return copy;
}

/* Only the axes that are cut: "axis 2 0:416:2" */
static const char *slice_text(ork_arena *arena, const ork_node *node)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    const ork_attrs *a = &node->attrs;
    const char *text = "";
    for (int i = 0; i < shape->rank && i < a->slice.begin.count && i < a->slice.end.count; i++) {
        int64_t begin = a->slice.begin.v[i], end = a->slice.end.v[i];
        int64_t step = i < a->slice.step.count ? a->slice.step.v[i] : 1;
        if (begin == 0 && end >= shape->dim[i] && step == 1)
            continue;
        text = ork_arena_printf(arena, "%s%saxis %d %lld:%lld", text, *text ? ", " : "", i,
                                (long long)begin, (long long)end);
        if (step != 1)
            text = ork_arena_printf(arena, "%s:%lld", text, (long long)step);
    }
    return text;
}

static bool has_kernel(const ork_node *node)
{
    return node->input_count > 1 && node->inputs[1] && node->inputs[1]->type.shape.rank == 4;
}

const char *node_attributes(ork_arena *arena, const ork_node *node)
{
    const ork_attrs *a = &node->attrs;
    if ((node->op == ORK_OP_CONV2D || node->op == ORK_OP_CONV_TRANSPOSE2D) && has_kernel(node))
        return conv_text(arena, node);
    if (node->op == ORK_OP_MAX_POOL2D || node->op == ORK_OP_AVG_POOL2D)
        return window_text(arena, a->max_pool2d.kernel.v, a->max_pool2d.stride.v,
                           a->max_pool2d.dilation.v, a->max_pool2d.pad.v);
    if (node->op == ORK_OP_SLICE)
        return slice_text(arena, node);
    if (node->op == ORK_OP_RESHAPE || node->op == ORK_OP_EXPAND)
        return ""; /* the output's shape says it */
    return plain_attributes(arena, node);
}

/* ---- boxes -------------------------------------------------------------------------------- */

typedef struct maker {
    picture *p;
    int *box_of;     /* by value id: the box it comes out of, -1 for none */
    bool *is_output; /* by value id */
} maker;

static void add_row(maker *m, picture_box *box, row_kind kind, int colour, const char *left,
                    const char *right)
{
    ork_vec_push(m->p->arena, &box->rows, ((picture_row){kind, left, right, colour}));
}

static void add_type(maker *m, picture_box *box, const ork_type *type)
{
    ork_arena *arena = m->p->arena;
    add_row(m, box, ROW_TYPE, 0, ork_dtype_table[type->dtype].name,
            shape_text(arena, &type->shape));
    const char *quant = quant_text(arena, type);
    if (*quant)
        add_row(m, box, ROW_TYPE, 0, quant, "");
}

/* "weight 16x12x3x3", "b 0.5" */
static const char *constant_text(maker *m, const ork_value *value)
{
    ork_arena *arena = m->p->arena;
    if (ork_shape_count(&value->type.shape) == 1)
        return ork_arena_printf(arena, "%g", ork_element_get(value->type.dtype, value->data, 0));
    return value->type.quant.scheme == ORK_SCHEME_NONE && value->type.dtype == ORK_F32
               ? shape_text(arena, &value->type.shape)
               : type_text(arena, &value->type);
}

/* The word for an input in the operator's "x weight bias?". */
static const char *input_word(ork_arena *arena, const ork_node *node, int port)
{
    const char *words = ork_op_table[node->op].inputs;
    for (; port > 0 && strchr(words, ' '); port--)
        words = strchr(words, ' ') + 1;
    size_t length = strcspn(words, " ?.");
    return ork_arena_strndup(arena, words, length);
}

static void add_constants(maker *m, picture_box *box, const ork_node *node)
{
    int shown = 0;
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *input = node->inputs[i];
        if (!input || input->kind != ORK_VALUE_CONSTANT)
            continue;
        if (shown++ < MOST_DETAILS)
            add_row(m, box, ROW_DETAIL, 0, input_word(m->p->arena, node, i),
                    constant_text(m, input));
    }
    if (shown > MOST_DETAILS)
        add_row(m, box, ROW_DETAIL, 0, "...",
                ork_arena_printf(m->p->arena, "%d more", shown - MOST_DETAILS));
}

static void add_tip(maker *m, ork_str *tip, const ork_node *node)
{
    ork_arena *arena = m->p->arena;
    const char *attributes = plain_attributes(arena, node);
    ork_str_printf(tip, "%s\n%s%s%s\n", clean_text(arena, node->name), ork_op_table[node->op].name,
                   *attributes ? " " : "", attributes);
    if (node->scope && *node->scope)
        ork_str_printf(tip, "in %s\n", clean_text(arena, node->scope));
    for (int i = 0; i < node->input_count && i < 2 * MOST_DETAILS; i++)
        if (node->inputs[i])
            ork_str_printf(tip, "%s: %s  %s\n", input_word(arena, node, i),
                           clean_text(arena, node->inputs[i]->name),
                           type_text(arena, &node->inputs[i]->type));
    const char *quant = quant_text(arena, &node->output->type);
    ork_str_printf(tip, "gives: %s  %s%s%s", clean_text(arena, node->output->name),
                   type_text(arena, &node->output->type), *quant ? ", " : "", quant);
}

static void add_end(maker *m, const ork_value *value, bool is_output, const ork_preprocess *pre)
{
    ork_arena *arena = m->p->arena;
    picture_box box = {.value = value, .is_output = is_output};
    add_row(m, &box, ROW_TITLE, END_COLOUR, is_output ? "output" : "input", "");
    add_row(m, &box, ROW_NAME, 0, shorten(arena, clean_text(arena, value->name), NAME_LENGTH), "");
    add_type(m, &box, &value->type);
    if (pre && pre->count)
        add_row(m, &box, ROW_DETAIL, 0, "channel order, mean, std", "");
    box.tip = ork_arena_printf(arena, "%s\n%s", clean_text(arena, value->name),
                               type_text(arena, &value->type));
    if (!is_output)
        m->box_of[value->id] = (int)m->p->boxes.count;
    ork_vec_push(arena, &m->p->boxes, box);
}

/* What follows in the same box: an activation, or a change of type, of what nothing else uses. */
static const ork_node *follower(const maker *m, const ork_node *node)
{
    const ork_value *value = node->output;
    if (value->uses.count != 1 || m->is_output[value->id])
        return NULL;
    const ork_node *next = value->uses.items[0].node;
    if (next->inputs[0] != value)
        return NULL;
    for (int i = 1; i < next->input_count; i++)
        if (next->inputs[i] && next->inputs[i]->kind != ORK_VALUE_CONSTANT)
            return NULL;
    ork_op_class kind = ork_op_table[next->op].op_class;
    return kind == ORK_CLASS_UNARY || kind == ORK_CLASS_CAST || next->op == ORK_OP_BATCH_NORM
               ? next
               : NULL;
}

static void add_title(maker *m, picture_box *box, const ork_node *node)
{
    add_row(m, box, ROW_TITLE, (int)ork_op_table[node->op].op_class, ork_op_table[node->op].name,
            shorten(m->p->arena, node_attributes(m->p->arena, node), NAME_LENGTH));
}

static void add_layer(maker *m, const ork_node *node)
{
    enum { MOST_FOLLOWERS = 8 };
    ork_arena *arena = m->p->arena;
    picture_box box = {.first = node, .last = node};
    ork_str tip = {0};
    add_title(m, &box, node);
    add_row(m, &box, ROW_NAME, 0, shorten(arena, clean_text(arena, node->name), NAME_LENGTH), "");
    add_constants(m, &box, node);
    add_tip(m, &tip, node);
    m->box_of[node->output->id] = (int)m->p->boxes.count;
    int count = 0;
    for (const ork_node *next; count < MOST_FOLLOWERS && (next = follower(m, box.last)); count++) {
        box.last = next;
        m->box_of[next->output->id] = (int)m->p->boxes.count;
        add_title(m, &box, next);
        ork_str_printf(&tip, "\n\n");
        add_tip(m, &tip, next);
    }
    box.value = box.last->output;
    add_type(m, &box, &box.value->type);
    box.tip = ork_arena_strdup(arena, tip.text);
    ork_str_free(&tip);
    ork_vec_push(arena, &m->p->boxes, box);
}

/* ---- links -------------------------------------------------------------------------------- */

static void collect_links(maker *m, int *first, bool count_only)
{
    picture *p = m->p;
    for (int to = 0; to < (int)p->boxes.count; to++) {
        const picture_box *box = &p->boxes.items[to];
        int ports = box->is_output ? 1 : box->first ? box->first->input_count : 0;
        for (int i = 0; i < ports; i++) {
            const ork_value *value = box->is_output ? box->value : box->first->inputs[i];
            int from = value ? m->box_of[value->id] : -1;
            if (from < 0)
                continue;
            int at = first[from + 1]++;
            if (count_only)
                continue;
            p->links.items[at] = (layout_link){from, to};
            p->link_values.items[at] = value;
        }
    }
}

static void add_links(maker *m)
{
    picture *p = m->p;
    int count = (int)p->boxes.count;
    int *first = ORK_NEW_ARRAY(p->arena, int, (size_t)count + 2);
    collect_links(m, first, true);
    for (int i = 0; i < count; i++)
        first[i + 1] += first[i];
    size_t links = (size_t)first[count];
    p->links.count = p->link_values.count = links;
    p->links.items = ORK_NEW_ARRAY(p->arena, layout_link, links + 1);
    p->link_values.items = ORK_NEW_ARRAY(p->arena, const ork_value *, links + 1);
    memmove(first + 1, first, sizeof(*first) * (size_t)(count + 1));
    first[0] = 0;
    collect_links(m, first, false);
}

picture picture_of(ork_arena *arena, const ork_graph *graph)
{
    picture p = {.arena = arena, .graph = graph};
    maker m = {&p, ORK_NEW_ARRAY(arena, int, graph->values.count + 1),
               ORK_NEW_ARRAY(arena, bool, graph->values.count + 1)};
    for (size_t i = 0; i < graph->outputs.count; i++)
        m.is_output[graph->outputs.items[i]->id] = true;
    for (size_t i = 0; i < graph->values.count; i++)
        m.box_of[i] = -1;
    for (size_t i = 0; i < graph->inputs.count; i++)
        add_end(&m, graph->inputs.items[i].value, false, &graph->inputs.items[i].preprocess);
    for (const ork_node *node = graph->first; node; node = node->next)
        if (m.box_of[node->output->id] < 0)
            add_layer(&m, node);
    for (size_t i = 0; i < graph->outputs.count; i++)
        add_end(&m, graph->outputs.items[i], true, NULL);
    add_links(&m);
    return p;
}

/* ---- sizes -------------------------------------------------------------------------------- */

double row_height(row_kind kind)
{
    static const double heights[] = {
        [ROW_TITLE] = 20, [ROW_NAME] = 18, [ROW_DETAIL] = 15, [ROW_TYPE] = 19};
    return heights[kind];
}

/* Of 11 pixels; wide fonts such as DejaVu and Verdana need this, others less. */
static double text_width(const char *text)
{
    double width = 0;
    for (; *text; text++) {
        if (!starts_character(*text))
            continue;
        bool is_ascii = (uint8_t)*text < 0x80;
        if (!is_ascii)
            width += (uint8_t)*text >= 0xe3 ? 11 : 8; /* Chinese, Japanese, Korean are square */
        else if (strchr("iIjl.,:;|!'()[] ft/", *text))
            width += 4.4;
        else
            width += strchr("mwMW@%", *text) ? 10.5 : 7.2;
    }
    return width;
}

layout_box *picture_boxes(const picture *p)
{
    layout_box *boxes = ORK_NEW_ARRAY(p->arena, layout_box, p->boxes.count + 1);
    for (size_t i = 0; i < p->boxes.count; i++) {
        boxes[i].width = 110;
        boxes[i].height = 5;
        for (size_t r = 0; r < p->boxes.items[i].rows.count; r++) {
            const picture_row *line = &p->boxes.items[i].rows.items[r];
            double width = text_width(line->left) + text_width(line->right) + 18;
            width = width * (line->kind == ROW_TITLE ? 1.1 : 1) + (*line->right ? 12 : 0);
            boxes[i].width = width > boxes[i].width ? width : boxes[i].width;
            boxes[i].height += row_height(line->kind);
        }
    }
    return boxes;
}
