/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises the head. Shapes say how the channels lie, the graph says what is left to do. */
#include "detect.h"

#include <string.h>

enum {
    MOST_ANCHORS = 1 << 22,
    OBJECT_CHANNEL = 4,
    FIRST_CLASS = 5,
    FEWEST_MAPS = 2,
    LARGEST_STRIDE = 512
};

/* Strides of the maps that a flattened output was joined from, the usual ones first. */
static const int stride_sets[][6] = {
    {8, 16, 32}, {8, 16, 32, 64}, {4, 8, 16, 32}, {8, 16, 32, 64, 128},
    {8, 16},     {16, 32},        {4, 8, 16},
};

static int64_t cells(int64_t size, int64_t stride)
{
    return (size + stride - 1) / stride;
}

static bool classes_fit(int64_t channels)
{
    return channels > FIRST_CLASS && channels - FIRST_CLASS <= ORK_HEAD_MAX_CLASSES;
}

/* The stride at which the network's input gives a map of this size, 0 when there is none. Padded
   convolutions round up, and small inputs fit several strides: the smallest counts. */
static int stride_of(const ork_head *head, int64_t height, int64_t width)
{
    for (int stride = 2; stride <= LARGEST_STRIDE; stride *= 2)
        if (cells(head->input_width, stride) == width &&
            cells(head->input_height, stride) == height)
            return stride;
    return 0;
}

/* ---- errors ---- */

static bool unknown_head(ork_diag *diag, const ork_graph *graph, const char *reason)
{
    ork_str found = {0};
    for (size_t i = 0; i < graph->outputs.count; i++) {
        char text[ORK_SHAPE_TEXT];
        ork_shape_text(&graph->outputs.items[i]->type.shape, text, sizeof(text));
        ork_str_printf(&found, "%s%s", i ? ", " : "", text);
    }
    ork_fail(diag, ORK_ERR_DETECT_HEAD, "the outputs (%s) are not a detection head that is known",
             found.length ? found.text : "none");
    ork_str_free(&found);
    ork_why(diag, "%s", reason);
    return ork_fix(diag, "known are YOLOX heads for one picture at a time: 2 to 8 maps "
                         "1x(5+classes)xHxW, or all in one 1xNx(5+classes) or 1x(5+classes)xN, "
                         "decoded or not; for others use `run` and read the outputs yourself");
}

/* ---- maps ---- */

static ork_anchor *fill_anchors(ork_anchor *next, int64_t height, int64_t width, int stride)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            *next++ = (ork_anchor){(float)x, (float)y, (float)stride};
    return next;
}

static bool add_map(ork_arena *arena, ork_head *head, int output, const ork_shape *shape)
{
    int stride = shape->rank == 4 ? stride_of(head, shape->dim[2], shape->dim[3]) : 0;
    if (!stride || shape->dim[0] != 1 || shape->dim[1] != head->class_count + FIRST_CLASS ||
        shape->dim[2] * shape->dim[3] > MOST_ANCHORS)
        return false;
    size_t count = (size_t)(shape->dim[2] * shape->dim[3]);
    ork_anchor *anchors = ORK_NEW_ARRAY(arena, ork_anchor, count);
    fill_anchors(anchors, shape->dim[2], shape->dim[3], stride);
    head->parts[head->part_count++] = (ork_head_part){.output = output,
                                                      .count = count,
                                                      .anchor_step = 1,
                                                      .channel_step = count,
                                                      .anchors = anchors};
    head->anchor_count += count;
    return true;
}

static bool read_maps(ork_arena *arena, const ork_graph *graph, ork_head *head)
{
    size_t count = graph->outputs.count;
    const ork_shape *first = &graph->outputs.items[0]->type.shape;
    if (count < FEWEST_MAPS || count > ORK_HEAD_MAX_PARTS || first->rank != 4 ||
        !classes_fit(first->dim[1]))
        return false;
    head->layout = ORK_HEAD_MAPS;
    head->class_count = (int)first->dim[1] - FIRST_CLASS;
    for (size_t i = 0; i < count; i++)
        if (!add_map(arena, head, (int)i, &graph->outputs.items[i]->type.shape))
            return false;
    return true;
}

/* ---- flattened outputs ---- */

/* The two axes that are left of 1xAxB or 1x1xAxB. */
static bool flat_axes(const ork_shape *shape, int64_t *a, int64_t *b)
{
    for (int i = 0; i < shape->rank - 2; i++)
        if (shape->dim[i] != 1)
            return false;
    if (shape->rank < 2)
        return false;
    *a = shape->dim[shape->rank - 2];
    *b = shape->dim[shape->rank - 1];
    return true;
}

static const int *set_with_sum(const ork_head *head, int64_t wanted)
{
    for (size_t set = 0; set < ORK_COUNT(stride_sets); set++) {
        int64_t sum = 0;
        for (int i = 0; stride_sets[set][i]; i++)
            sum += cells(head->input_width, stride_sets[set][i]) *
                   cells(head->input_height, stride_sets[set][i]);
        if (sum == wanted && sum <= MOST_ANCHORS)
            return stride_sets[set];
    }
    return NULL;
}

static void flat_index(const ork_head *head, const ork_shape *shape, int64_t anchor,
                       int64_t channel, int64_t index[ORK_MAX_RANK])
{
    bool rows = head->layout == ORK_HEAD_ROWS;
    memset(index, 0, sizeof(*index) * ORK_MAX_RANK);
    index[shape->rank - 2] = rows ? anchor : channel;
    index[shape->rank - 1] = rows ? channel : anchor;
}

/* Asks the graph for the cell of each anchor, so that any order of the maps is read rightly. False
   when it does not tell for all of them. */
static bool trace_anchors(const ork_head *head, const ork_value *output, ork_anchor *anchors)
{
    for (size_t i = 0; i < head->anchor_count; i++) {
        int64_t index[ORK_MAX_RANK];
        flat_index(head, &output->type.shape, (int64_t)i, 0, index);
        ork_trace trace = ork_trace_element(output, index);
        const ork_shape *map = &trace.root->type.shape;
        int stride = trace.found && map->rank == 4 ? stride_of(head, map->dim[2], map->dim[3]) : 0;
        if (!stride)
            return false;
        anchors[i] = (ork_anchor){(float)trace.index[3], (float)trace.index[2], (float)stride};
    }
    return true;
}

static bool read_flat(ork_arena *arena, const ork_graph *graph, ork_head *head)
{
    const ork_value *output = graph->outputs.items[0];
    int64_t a = 0, b = 0;
    if (graph->outputs.count != 1 || !flat_axes(&output->type.shape, &a, &b))
        return false;
    const int *strides = classes_fit(b) ? set_with_sum(head, a) : NULL;
    head->layout = strides ? ORK_HEAD_ROWS : ORK_HEAD_COLUMNS;
    if (!strides && classes_fit(a))
        strides = set_with_sum(head, b);
    if (!strides)
        return false;
    bool rows = head->layout == ORK_HEAD_ROWS;
    size_t count = (size_t)(rows ? a : b), channels = (size_t)(rows ? b : a);
    head->class_count = (int)channels - FIRST_CLASS;
    head->anchor_count = count;
    ork_anchor *anchors = ORK_NEW_ARRAY(arena, ork_anchor, count), *next = anchors;
    if (!trace_anchors(head, output, anchors))
        for (int i = 0; strides[i]; i++)
            next = fill_anchors(next, cells(head->input_height, strides[i]),
                                cells(head->input_width, strides[i]), strides[i]);
    head->parts[head->part_count++] = (ork_head_part){.output = 0,
                                                      .count = count,
                                                      .anchor_step = rows ? channels : 1,
                                                      .channel_step = rows ? 1 : count,
                                                      .anchors = anchors};
    return true;
}

/* ---- what is left to do ---- */

static ork_trace trace_channel(const ork_graph *graph, const ork_head *head, int part,
                               int64_t channel)
{
    const ork_value *output = graph->outputs.items[head->parts[part].output];
    int64_t index[ORK_MAX_RANK] = {0, channel};
    if (head->layout != ORK_HEAD_MAPS)
        flat_index(head, &output->type.shape, 0, channel, index);
    return ork_trace_element(output, index);
}

static ork_answer join(ork_answer a, ork_answer b)
{
    return a == b ? a : ORK_ANSWER_UNKNOWN;
}

static ork_answer is_logit(const ork_trace *trace)
{
    if (trace->activated)
        return ORK_ANSWER_NO;
    return trace->found ? ORK_ANSWER_YES : ORK_ANSWER_UNKNOWN;
}

static ork_answer is_decoded(const ork_trace *centre, const ork_trace *size)
{
    if (!centre->found || !size->found)
        return ORK_ANSWER_UNKNOWN;
    if (size->exp && size->scaled && centre->shifted && centre->scaled)
        return ORK_ANSWER_YES;
    return size->exp || centre->shifted ? ORK_ANSWER_UNKNOWN : ORK_ANSWER_NO;
}

static void ask_part(const ork_graph *graph, ork_head *head, int part)
{
    ork_trace x = trace_channel(graph, head, part, 0), width = trace_channel(graph, head, part, 2);
    ork_trace object = trace_channel(graph, head, part, OBJECT_CHANNEL);
    ork_trace score = trace_channel(graph, head, part, FIRST_CLASS);
    ork_answer decoded = is_decoded(&x, &width);
    ork_answer object_logits = is_logit(&object), class_logits = is_logit(&score);
    head->boxes_decoded = part ? join(head->boxes_decoded, decoded) : decoded;
    head->object_logits = part ? join(head->object_logits, object_logits) : object_logits;
    head->class_logits = part ? join(head->class_logits, class_logits) : class_logits;
}

/* YOLOX computes boxes, objectness and classes in separate layers. A single layer whose channels
   are three times 5 + classes is the head of YOLOv3, v5 or v7, which looks the same from outside
   but means something else. */
static bool is_anchor_based(const ork_graph *graph, const ork_head *head)
{
    ork_trace box = trace_channel(graph, head, 0, 0);
    ork_trace score = trace_channel(graph, head, 0, FIRST_CLASS);
    int channels = head->class_count + FIRST_CLASS;
    return head->layout == ORK_HEAD_MAPS && box.found && box.root == score.root &&
           box.root->type.shape.dim[1] == channels && channels % 3 == 0 &&
           channels / 3 > FIRST_CLASS;
}

/* ---- description ---- */

static const char *scores_text(const ork_head *head)
{
    if (head->object_logits == ORK_ANSWER_NO && head->class_logits == ORK_ANSWER_NO)
        return "sigmoid inside";
    if (head->object_logits == ORK_ANSWER_YES && head->class_logits == ORK_ANSWER_YES)
        return "sigmoid to be applied";
    return "sigmoid where the values ask for it";
}

static const char *describe(ork_arena *arena, const ork_head *head)
{
    static const char *const layouts[] = {"maps", "rows", "columns"};
    static const char *const boxes[] = {"", ", decoded inside", ", decoded if the values say so"};
    size_t count = head->layout == ORK_HEAD_MAPS ? (size_t)head->part_count : head->anchor_count;
    return ork_arena_printf(arena, "YOLOX, %zu %s%s, %d class%s, %s", count, layouts[head->layout],
                            boxes[head->boxes_decoded], head->class_count,
                            head->class_count == 1 ? "" : "es", scores_text(head));
}

/* ---- the whole ---- */

static bool read_input_size(const ork_graph *graph, ork_head *head)
{
    if (graph->inputs.count != 1)
        return false;
    const ork_shape *shape = &graph->inputs.items[0].value->type.shape;
    if (shape->rank != 4 || shape->dim[2] < 1 || shape->dim[2] > ORK_IMAGE_MAX_SIDE ||
        shape->dim[3] < 1 || shape->dim[3] > ORK_IMAGE_MAX_SIDE)
        return false;
    head->input_height = (int)shape->dim[2];
    head->input_width = (int)shape->dim[3];
    return true;
}

bool ork_head_recognise(ork_diag *diag, ork_arena *arena, const ork_graph *graph, ork_head *head)
{
    *head = (ork_head){0};
    if (!read_input_size(graph, head))
        return unknown_head(diag, graph, "the network has not exactly one input, a picture");
    ork_head maps = *head;
    if (!graph->outputs.count)
        return unknown_head(diag, graph, "there is no output");
    if (read_maps(arena, graph, &maps))
        *head = maps;
    else if (!read_flat(arena, graph, head))
        return unknown_head(diag, graph,
                            "no strides give outputs of this size for the network's input");
    if (is_anchor_based(graph, head))
        return unknown_head(
            diag, graph, "one layer computes all channels, as in YOLOv3, v5 and v7 with anchors");
    for (int part = 0; part < head->part_count; part++)
        ask_part(graph, head, part);
    head->description = describe(arena, head);
    return true;
}
