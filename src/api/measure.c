/* SPDX-License-Identifier: Apache-2.0 */
/* Networks run over pictures whose truth is known: every network sees a picture before the next is
   read. */
#include "internal.h"

#include <string.h>

/* ---- boxes ---- */

/* The folder named as the annotations, val.json and val/, else the one in which they lie. */
static const char *picture_folder(ork_arena *arena, const char *annotations)
{
    const char *name = strrchr(annotations, '/'), *ending = strrchr(annotations, '.');
    name = name ? name + 1 : annotations;
    if (ending && ending > name) {
        const char *beside = ork_arena_strndup(arena, annotations, (size_t)(ending - annotations));
        if (ork_is_folder(beside))
            return beside;
    }
    return name == annotations
               ? "."
               : ork_arena_strndup(arena, annotations, (size_t)(name - 1 - annotations));
}

static bool detect(ork_model *model, int image, const ork_picture *picture,
                   ork_detector *const *detectors, ork_evaluation *const *evaluations, int count)
{
    for (int i = 0; i < count; i++) {
        const ork_detection *boxes;
        int found;
        if (!detectors[i])
            continue;
        if (!ork_detector_run(detectors[i], picture, &boxes, &found))
            return session_failed(model, detector_session(detectors[i]));
        if (!ork_evaluation_add(evaluations[i], image, boxes, found))
            return false;
    }
    return true;
}

bool ork_evaluation_run(ork_model *model, const ork_ground_truth *truth,
                        const ork_pictures_options *given, ork_detector *const *detectors,
                        ork_evaluation *const *evaluations, int count)
{
    ork_pictures_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    const int all = truth->coco.image_count;
    const int end = options.limit > 0 && options.limit < all ? options.limit : all;
    const int step = options.shares > 1 ? options.shares : 1;
    ork_arena *arena = ork_arena_new();
    bool good = true;
    ork_diag_clear(model->diag);
    const char *folder = options.folder ? options.folder : picture_folder(arena, truth->path);
    for (int i = step > 1 ? options.share - 1 : 0; good && i >= 0 && i < end; i += step) {
        ork_picture picture;
        const char *path =
            ork_arena_printf(arena, "%s/%s", folder, truth->coco.images[i].file_name);
        good = ork_progress(model->diag, "evaluating", (uint64_t)i, (uint64_t)end) &&
               ork_picture_read(model, path, &picture);
        if (!good)
            break;
        good = detect(model, i, &picture, detectors, evaluations, count);
        ork_picture_free(&picture);
    }
    ork_arena_free(arena);
    return good && ork_progress(model->diag, "evaluating", (uint64_t)end, (uint64_t)end);
}

/* ---- classes ---- */

static bool check_classes(ork_model *model, const ork_labelled *labelled, int end, int offset,
                          ork_classifier *const *classifiers, int count)
{
    for (int k = 0; k < count; k++)
        for (int i = 0; i < end; i++) {
            const ork_labelled_picture *picture = ork_labelled_at(labelled, i);
            const int outputs = ork_classifier_class_count(classifiers[k]);
            if (picture->class_id + offset < outputs)
                continue;
            ork_fail(model->diag, ORK_ERR_EVALUATION,
                     "the network has %d outputs, but a picture is of class %d", outputs,
                     picture->class_id);
            ork_where(model->diag, "%s", picture->path);
            return ork_fix(model->diag,
                           "number classes from 0, in the order of the network's outputs");
        }
    return true;
}

static bool classify(ork_model *model, ork_classifier *classifier, const ork_picture *picture,
                     int class_id, int *place)
{
    int best[ORK_BEST_CLASSES];
    if (!ork_classifier_run(classifier, picture, best, ORK_BEST_CLASSES))
        return session_failed(model, classifier_session(classifier));
    for (*place = 0; *place < ORK_BEST_CLASSES && best[*place] != class_id; ++*place)
        ;
    return true;
}

bool ork_labelled_run(ork_model *model, const ork_labelled *labelled, int limit, int offset,
                      ork_classifier *const *classifiers, int count, int *places)
{
    const int all = ork_labelled_count(labelled), end = limit > 0 && limit < all ? limit : all;
    ork_diag_clear(model->diag);
    bool good = check_classes(model, labelled, end, offset, classifiers, count);
    for (int i = 0; good && i < end; i++) {
        const ork_labelled_picture *labelled_picture = ork_labelled_at(labelled, i);
        ork_picture picture;
        good = ork_progress(model->diag, "evaluating", (uint64_t)i, (uint64_t)end) &&
               ork_picture_read(model, labelled_picture->path, &picture);
        if (!good)
            break;
        for (int k = 0; good && k < count; k++)
            good = classify(model, classifiers[k], &picture, labelled_picture->class_id + offset,
                            &places[k * end + i]);
        ork_picture_free(&picture);
    }
    return good && ork_progress(model->diag, "evaluating", (uint64_t)end, (uint64_t)end);
}
