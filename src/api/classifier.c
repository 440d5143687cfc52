/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that give one number for each class. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ork_classifier {
    ork_session *session;
    ork_classify_options options;
    ork_image input; /* what the network sees */
};

static bool check_network(ork_session *s)
{
    const ork_graph *graph = session_graph(s);
    const ork_shape *shape = &graph->inputs.items[0].value->type.shape;
    if (graph->inputs.count == 1 && shape->rank == 4 && shape->dim[0] == 1 &&
        (shape->dim[1] == 1 || shape->dim[1] == 3))
        return true;
    ork_fail(s->diag, ORK_ERR_EVALUATION,
             "classification needs a network with one picture as input");
    return ork_why(s->diag, "this one has %zu input%s, or not 1 or 3 channels", graph->inputs.count,
                   graph->inputs.count == 1 ? "" : "s");
}

ork_classifier *ork_classifier_new(ork_session *session, const ork_classify_options *given)
{
    ork_diag_clear(session->diag);
    if (!check_network(session))
        return NULL;
    ork_classifier *c = calloc(1, sizeof(*c));
    if (!c) {
        ork_fail(session->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for a classifier");
        return NULL;
    }
    c->session = session;
    if (given)
        memcpy(&c->options, given, ork_min_size(given->size, sizeof(c->options)));
    const ork_shape *shape = &session_graph(session)->inputs.items[0].value->type.shape;
    if (ork_image_new(session->diag, (int)shape->dim[3], (int)shape->dim[2], (int)shape->dim[1],
                      &c->input))
        return c;
    free(c);
    return NULL;
}

void ork_classifier_free(ork_classifier *c)
{
    if (!c)
        return;
    ork_image_free(&c->input);
    free(c);
}

const ork_session *classifier_session(const ork_classifier *c)
{
    return c->session;
}

int ork_classifier_class_count(const ork_classifier *c)
{
    const ork_graph *graph = session_graph(c->session);
    return (int)ork_shape_count(&graph->outputs.items[0]->type.shape);
}

/* ---- the picture ---- */

/* The size at which the picture, its proportions kept, covers the input over `crop`. */
static void covering_size(const ork_classifier *c, const ork_image *picture, int *width,
                          int *height)
{
    double across = round(c->input.width / c->options.crop) / picture->width;
    double down = round(c->input.height / c->options.crop) / picture->height;
    double scale = fmax(across, down);
    *width = (int)fmin(picture->width * scale + 1e-6, ORK_IMAGE_MAX_SIDE);
    *height = (int)fmin(picture->height * scale + 1e-6, ORK_IMAGE_MAX_SIDE);
    *width = *width < c->input.width ? c->input.width : *width;
    *height = *height < c->input.height ? c->input.height : *height;
}

/* The middle of an image as large as the input; the pixels are shared. */
static ork_image middle_of(const ork_image *image, int width, int height)
{
    int left = (int)nearbyint((image->width - width) / 2.0);
    int top = (int)nearbyint((image->height - height) / 2.0);
    ork_image middle = *image;
    middle.width = width;
    middle.height = height;
    middle.pixels = ork_image_row(image, top) + (ptrdiff_t)left * image->channels;
    return middle;
}

static bool resize(ork_classifier *c, const ork_image *picture, ork_image *sized)
{
    int width = c->input.width, height = c->input.height;
    if (c->options.crop > 0)
        covering_size(c, picture, &width, &height);
    if (!ork_image_new(c->session->diag, width, height, 3, sized))
        return false;
    if (ork_image_resize_bilinear(picture, sized))
        return true;
    ork_image_free(sized);
    return ork_fail(c->session->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to resize a picture");
}

static bool show_picture(ork_classifier *c, const ork_picture *picture)
{
    ork_image image = picture_image(picture), sized;
    if (!ork_image_valid(&image))
        return ork_fail(c->session->diag, ORK_ERR_INPUT_SHAPE, "the picture is empty");
    if (!resize(c, &image, &sized))
        return false;
    ork_image middle = middle_of(&sized, c->input.width, c->input.height);
    ork_image_convert(&middle, &c->input);
    ork_image_free(&sized);
    if (c->options.bgr)
        ork_image_swap_red_blue(&c->input);
    return true;
}

/* ---- classes ---- */

static void take_best(const ork_output_view *view, int *classes, int count)
{
    int found = 0;
    for (size_t i = 0; i < view->count; i++) {
        float value = view->data[i];
        int place = found;
        if (isnan(value))
            continue;
        while (place > 0 && view->data[classes[place - 1]] < value)
            place--;
        if (place == count)
            continue;
        int moved = (found < count ? found : count - 1) - place;
        memmove(&classes[place + 1], &classes[place], sizeof(*classes) * (size_t)moved);
        classes[place] = (int)i;
        found += found < count;
    }
    for (int i = found; i < count; i++)
        classes[i] = -1;
}

bool ork_classifier_run(ork_classifier *c, const ork_picture *picture, int *classes, int count)
{
    ork_diag_clear(c->session->diag);
    if (count < 1)
        return ork_fail(c->session->diag, ORK_ERR_USAGE, "at least one class must be asked for");
    if (!show_picture(c, picture))
        return false;
    ork_input input = {.data = c->input.pixels,
                       .dtype = ORK_U8,
                       .format = ORK_NHWC,
                       .rank = 4,
                       .dims = {1, c->input.height, c->input.width, c->input.channels}};
    ork_output_view view;
    if (!ork_session_run(c->session, &input, 1) || !ork_session_output(c->session, 0, &view))
        return false;
    take_best(&view, classes, count);
    return true;
}
