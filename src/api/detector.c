/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../detect/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ork_detector {
    ork_session *session;
    ork_detect_options options; /* with defaults filled in */
    ork_arena *arena;           /* the head */
    ork_head head;
    ork_image canvas; /* the letterboxed picture */
    ork_detection *boxes;
};

static const ork_fit fits[] = {
    [ORK_LETTERBOX_AUTO] = ORK_FIT_CORNER,
    [ORK_LETTERBOX_CENTER] = ORK_FIT_CENTRE,
    [ORK_LETTERBOX_TOP_LEFT] = ORK_FIT_CORNER,
    [ORK_LETTERBOX_STRETCH] = ORK_FIT_STRETCH,
};

static void set_options(ork_detector *d, const ork_detect_options *given)
{
    ork_detect_options *o = &d->options;
    if (given)
        memcpy(o, given, ork_min_size(given->size, sizeof(*o)));
    o->score_threshold = o->score_threshold > 0 ? o->score_threshold : 0.3f;
    o->nms_threshold = o->nms_threshold > 0 ? o->nms_threshold : 0.45f;
    o->max_boxes = o->max_boxes > 0 ? o->max_boxes : 300;
    if ((size_t)o->letterbox >= ORK_COUNT(fits))
        o->letterbox = ORK_LETTERBOX_AUTO;
}

static bool check_input(ork_session *s)
{
    const ork_graph *graph = session_graph(s);
    const ork_shape *shape = &graph->inputs.items[0].value->type.shape;
    if (graph->inputs.count == 1 && shape->rank == 4 && shape->dim[0] == 1 && shape->dim[1] == 3)
        return true;
    ork_fail(s->diag, ORK_ERR_DETECT_HEAD, "detection needs a network with one picture as input");
    return ork_why(s->diag, "this one has %zu inputs, or not 3 channels", graph->inputs.count);
}

ork_detector *ork_detector_new(ork_session *session, const ork_detect_options *options)
{
    ork_diag_clear(session->diag);
    if (!check_input(session))
        return NULL;
    ork_detector *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->session = session;
    d->arena = ork_arena_new();
    set_options(d, options);
    bool good =
        ork_head_recognise(session->diag, d->arena, session_graph(session), &d->head) &&
        ork_image_new(session->diag, d->head.input_width, d->head.input_height, 3, &d->canvas);
    d->boxes = calloc((size_t)d->options.max_boxes, sizeof(*d->boxes));
    if (good && d->boxes)
        return d;
    ork_detector_free(d);
    return NULL;
}

void ork_detector_free(ork_detector *d)
{
    if (!d)
        return;
    ork_image_free(&d->canvas);
    ork_arena_free(d->arena);
    free(d->boxes);
    free(d);
}

const ork_session *detector_session(const ork_detector *d)
{
    return d->session;
}

int ork_detector_class_count(const ork_detector *d)
{
    return d->head.class_count;
}

const char *ork_detector_description(const ork_detector *d)
{
    return d->head.description;
}

/* ---- one picture ---- */

static bool run_network(ork_detector *d, const ork_picture *picture, ork_letterbox *box)
{
    ork_fit fit = fits[d->options.letterbox];
    ork_image image = picture_image(picture);
    ork_session *s = d->session;
    if (!ork_image_valid(&image))
        return ork_fail(s->diag, ORK_ERR_INPUT_SHAPE, "the picture is empty");
    *box = ork_letterbox_new(fit, image.width, image.height, d->canvas.width, d->canvas.height);
    uint8_t fill = d->options.fill ? (uint8_t)d->options.fill : ork_fit_fill(fit);
    if (!ork_letterbox_apply(box, fill, &image, &d->canvas))
        return ork_fail(s->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to resize a picture");
    if (d->options.bgr)
        ork_image_swap_red_blue(&d->canvas);
    ork_input input = {.data = d->canvas.pixels,
                       .dtype = ORK_U8,
                       .format = ORK_NHWC,
                       .rank = 4,
                       .dims = {1, d->canvas.height, d->canvas.width, 3}};
    return ork_session_run(s, &input, 1);
}

static bool decode(ork_detector *d, ork_arena *arena, const ork_letterbox *box, ork_boxes *boxes)
{
    const ork_graph *graph = session_graph(d->session);
    const float **outputs = ORK_NEW_ARRAY(arena, const float *, graph->outputs.count);
    for (size_t i = 0; i < graph->outputs.count; i++)
        outputs[i] = session_output(d->session, i);
    if (!ork_head_decode(d->session->diag, arena, &d->head, outputs, d->options.score_threshold,
                         boxes))
        return false;
    ork_boxes_suppress(boxes, d->options.nms_threshold, d->options.class_agnostic,
                       (size_t)d->options.max_boxes);
    ork_boxes_to_picture(boxes, box);
    return true;
}

bool ork_detector_run(ork_detector *d, const ork_picture *picture, const ork_detection **found,
                      int *count)
{
    *found = d->boxes;
    *count = 0;
    ork_diag_clear(d->session->diag);
    ork_letterbox box;
    if (!run_network(d, picture, &box))
        return false;
    ork_arena *arena = ork_arena_new();
    ork_boxes boxes;
    bool good = decode(d, arena, &box, &boxes);
    for (size_t i = 0; good && i < boxes.count; i++) {
        const ork_box *b = &boxes.items[i];
        d->boxes[i] = (ork_detection){b->class_id,   b->score,      b->corners[0],
                                      b->corners[1], b->corners[2], b->corners[3]};
    }
    *count = good ? (int)boxes.count : 0;
    ork_arena_free(arena);
    return good;
}

/* ---- drawing ---- */

static void draw_label(ork_image *image, const ork_detection *box, const char *const *labels,
                       int label_count, int scale)
{
    char text[128];
    ork_colour colour = ork_palette(box->class_id);
    if (labels && box->class_id < label_count)
        snprintf(text, sizeof(text), "%s %.2f", labels[box->class_id], (double)box->score);
    else
        snprintf(text, sizeof(text), "%d %.2f", box->class_id, (double)box->score);
    int top = (int)box->top - ORK_FONT_HEIGHT * scale - 2;
    ork_draw_text(image, (int)box->left, top > 0 ? top : 0, text, scale,
                  ork_colour_contrast(colour), &colour);
}

void ork_draw_detections(ork_picture *picture, const ork_detection *boxes, int count,
                         const char *const *labels, int label_count, ork_shape_style style)
{
    ork_image image = picture_image(picture);
    int side = image.width < image.height ? image.width : image.height;
    int thickness = 1 + side / 300, scale = 1 + side / 900;
    for (int i = 0; i < count; i++) {
        const ork_detection *b = &boxes[i];
        ork_colour colour = ork_palette(b->class_id);
        int left = (int)b->left, top = (int)b->top, right = (int)b->right, bottom = (int)b->bottom;
        if (style == ORK_DRAW_ELLIPSE)
            ork_draw_ellipse(&image, (left + right) / 2, (top + bottom) / 2, (right - left) / 2,
                             (bottom - top) / 2, colour, thickness);
        else
            ork_draw_rectangle(&image, left, top, right, bottom, colour, thickness);
    }
    for (int i = 0; i < count; i++)
        draw_label(&image, &boxes[i], labels, label_count, scale);
}

void ork_picture_draw_text(ork_picture *picture, int left, int top, const char *text, int scale,
                           uint32_t colour)
{
    ork_image image = picture_image(picture);
    ork_colour rgb = {(uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};
    ork_draw_text(&image, left, top, text, scale < 1 ? 1 : scale, rgb, NULL);
}
