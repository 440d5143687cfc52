/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of pictures. */
#include "internal.h"

#include "../quant/quant.h"

#include <stdlib.h>
#include <string.h>

struct ork_survey {
    ork_picture_set *set;
    ork_survey_picture *pictures;
};

static ork_survey_picture picture_of(const ork_surveyed *item)
{
    return (ork_survey_picture){.path = item->path,
                                .problem = item->problem ? item->problem : "",
                                .format = item->format,
                                .width = item->width,
                                .height = item->height,
                                .brightness = item->sketch.brightness,
                                .contrast = item->sketch.contrast,
                                .dark = item->is_dark,
                                .bright = item->is_bright,
                                .blank = item->is_blank,
                                .gray = item->sketch.is_gray,
                                .twin = item->twin};
}

ork_survey *ork_survey_new(ork_model *model, const char *const *paths, int count,
                           const ork_survey_options *given)
{
    enum { ALIKE_BITS = 4 };
    ork_survey_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (count < 1) {
        ork_fail(model->diag, ORK_ERR_DATASET_EMPTY, "there are no pictures to look at");
        return NULL;
    }
    int bits = options.alike_bits ? options.alike_bits : ALIKE_BITS;
    ork_picture_set *set = ork_picture_set_new();
    if (!ork_picture_set_read(set, model->diag, paths, (size_t)count, bits < 0 ? 0 : bits)) {
        ork_picture_set_free(set);
        return NULL;
    }
    ork_survey *survey = ORK_NEW(set->arena, ork_survey);
    survey->set = set;
    survey->pictures = ORK_NEW_ARRAY(set->arena, ork_survey_picture, set->items.count + 1);
    for (size_t i = 0; i < set->items.count; i++)
        survey->pictures[i] = picture_of(&set->items.items[i]);
    return survey;
}

void ork_survey_free(ork_survey *survey)
{
    if (survey)
        ork_picture_set_free(survey->set); /* it lives in there */
}

int ork_survey_count(const ork_survey *survey)
{
    return (int)survey->set->items.count;
}

const ork_survey_picture *ork_survey_at(const ork_survey *survey, int index)
{
    return index >= 0 && index < ork_survey_count(survey) ? &survey->pictures[index] : NULL;
}

const char *ork_survey_advice(const ork_survey *survey, int index)
{
    const ork_names *advice = &survey->set->advice;
    return index >= 0 && (size_t)index < advice->count ? advice->items[index] : NULL;
}

int ork_survey_sample(const ork_survey *survey, int count, int *chosen)
{
    return count > 0 ? (int)ork_picture_set_sample(survey->set, (size_t)count, chosen) : 0;
}
