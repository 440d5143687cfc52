/* SPDX-License-Identifier: Apache-2.0 */
/* Where accuracy is lost, and how good the networks are on labelled pictures. */
#include "ext.h"

#include <stdlib.h>
#include <string.h>

/* ---- accuracy_analysis ------------------------------------------------------------------ */

static PyObject *fail_argument(ork_py_model *self, const char *call, const char *fix,
                               const char *what)
{
    return ork_py_fail(self->state, ORK_PY_USAGE, call, NULL, fix, "%s", what);
}

static bool read_dump(ork_py_model *self, const char *text, ork_dump *dump)
{
    *dump = strcmp(text, "npy") == 0 ? ORK_DUMP_ARRAYS : ORK_DUMP_TENSORS;
    if (*dump == ORK_DUMP_ARRAYS || strcmp(text, "tensor") == 0)
        return true;
    fail_argument(self, "accuracy_analysis(dump_file_type=...)", "give 'tensor' or 'npy'",
                  "there is no such type of file");
    return false;
}

/* accuracy_analysis(inputs, output_dir, calc_qnt_error, target, dump_file_type) */
PyObject *ork_py_accuracy_analysis(ork_py_model *self, PyObject *args)
{
    PyObject *inputs_object, *folder_object, *target;
    const char *dump_type;
    int calculate;
    ork_analysis_options options = ORK_OPTIONS_INIT(ork_analysis_options);
    if (!PyArg_ParseTuple(args, "OOpOs:accuracy_analysis", &inputs_object, &folder_object,
                          &calculate, &target, &dump_type) ||
        !ork_py_config_check(self, "accuracy_analysis"))
        return NULL;
    if (target != Py_None)
        return ork_py_fail_not_yet(self, "accuracy_analysis");
    if (!read_dump(self, dump_type, &options.dump))
        return NULL;
    PyObject *inputs = ork_py_path(self, inputs_object, "accuracy_analysis(inputs=...)");
    PyObject *folder =
        inputs ? ork_py_path(self, folder_object, "accuracy_analysis(output_dir=...)") : NULL;
    ork_analysis *analysis = NULL;
    if (folder) {
        options.dataset = PyBytes_AS_STRING(inputs);
        options.folder = PyBytes_AS_STRING(folder);
        options.reference_only = !calculate;
        ork_py_progress_start(self, true);
        Py_BEGIN_ALLOW_THREADS;
        analysis = ork_analysis_new(self->model, &options);
        Py_END_ALLOW_THREADS;
        ork_py_progress_end(self);
        if (!analysis || self->signal_type)
            ork_py_fail_from(self, ork_model_error(self->model));
    }
    ork_analysis_free(analysis);
    Py_XDECREF(folder);
    Py_XDECREF(inputs);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* ---- evaluate --------------------------------------------------------------------------- */

enum { FLOAT, BUILT, SUBJECTS };

typedef struct evaluating {
    ork_py_model *self;
    const char *annotations, *labelled, *images; /* paths, or NULL */
    int limit, offset;
    float seen;
    ork_detect_options detect;
    ork_classify_options classify;
    ork_session *sessions[SUBJECTS]; /* the first is NULL when there is no float network */
    ork_ground_truth *truth;
    ork_detector *detectors[SUBJECTS];
    ork_evaluation *evaluations[SUBJECTS];
    ork_labelled *classes;
    ork_classifier *classifiers[SUBJECTS];
    int *places;
    const ork_error *error;
} evaluating;

/* Without the GIL from here on: false with `error` set. */
static bool failed(evaluating *e, const ork_error *error)
{
    e->error = error;
    return false;
}

static bool model_failed(evaluating *e)
{
    return failed(e, ork_model_error(e->self->model));
}

static bool open_sessions(evaluating *e)
{
    for (int i = 0; i < SUBJECTS; i++) {
        ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
        options.reference = i == FLOAT;
        if (i == FLOAT && e->self->stage == ORK_PY_LOADED_RKNN)
            continue;
        e->sessions[i] = ork_session_new(e->self->model, &options);
        if (!e->sessions[i])
            return model_failed(e);
    }
    return true;
}

static bool run_detectors(evaluating *e)
{
    ork_model *model = e->self->model;
    e->truth = ork_ground_truth_read(model, e->annotations);
    if (!e->truth)
        return model_failed(e);
    for (int i = 0; i < SUBJECTS; i++) {
        ork_evaluation_options options = ORK_OPTIONS_INIT(ork_evaluation_options);
        if (!e->sessions[i])
            continue;
        e->detectors[i] = ork_detector_new(e->sessions[i], &e->detect);
        if (!e->detectors[i])
            return failed(e, ork_session_error(e->sessions[i]));
        options.class_count = ork_detector_class_count(e->detectors[i]);
        e->evaluations[i] = ork_evaluation_new(model, e->truth, &options);
        if (!e->evaluations[i])
            return model_failed(e);
    }
    ork_pictures_options pictures = ORK_OPTIONS_INIT(ork_pictures_options);
    pictures.folder = e->images;
    pictures.limit = e->limit;
    return ork_evaluation_run(model, e->truth, &pictures, e->detectors, e->evaluations, SUBJECTS) ||
           model_failed(e);
}

static int picture_count(const evaluating *e)
{
    const int all =
        e->truth ? ork_ground_truth_image_count(e->truth) : ork_labelled_count(e->classes);
    return e->limit > 0 && e->limit < all ? e->limit : all;
}

static bool run_classifiers(evaluating *e)
{
    ork_model *model = e->self->model;
    const int first = e->sessions[FLOAT] ? FLOAT : BUILT;
    e->classes = ork_labelled_read(model, e->labelled, NULL, 0);
    if (!e->classes)
        return model_failed(e);
    for (int i = first; i < SUBJECTS; i++) {
        e->classifiers[i] = ork_classifier_new(e->sessions[i], &e->classify);
        if (!e->classifiers[i])
            return failed(e, ork_session_error(e->sessions[i]));
    }
    e->places = calloc((size_t)picture_count(e) * SUBJECTS + 1, sizeof(*e->places));
    return e->places &&
           (ork_labelled_run(model, e->classes, e->limit, e->offset, e->classifiers + first,
                             SUBJECTS - first, e->places + first * picture_count(e)) ||
            model_failed(e));
}

static void close_evaluating(evaluating *e)
{
    for (int i = 0; i < SUBJECTS; i++) {
        ork_evaluation_free(e->evaluations[i]);
        ork_detector_free(e->detectors[i]);
        ork_classifier_free(e->classifiers[i]);
        ork_session_free(e->sessions[i]);
    }
    ork_ground_truth_free(e->truth);
    ork_labelled_free(e->classes);
    free(e->places);
}

/* ---- what came out, as dictionaries ---- */

static bool put_number(PyObject *dict, const char *key, double number)
{
    return ork_py_put(dict, key, number < 0 ? ork_py_ref(Py_None) : PyFloat_FromDouble(number));
}

static bool put_boxes(const evaluating *e, PyObject *dict, int index)
{
    double figures[ORK_FIGURE_COUNT];
    const char *name, *help;
    ork_evaluation_figures(e->evaluations[index], -1, figures);
    for (int i = 0; ork_figure_info(i, &name, &help); i++)
        if (!put_number(dict, name, figures[i]))
            return false;
    if (index == FLOAT || !e->evaluations[FLOAT])
        return true;
    const ork_box_comparison c =
        ork_evaluation_compare(e->evaluations[FLOAT], e->evaluations[index], e->seen, 0.5f);
    return ork_py_put(dict, "kept", PyLong_FromSize_t(c.kept)) &&
           ork_py_put(dict, "lost", PyLong_FromSize_t(c.lost)) &&
           ork_py_put(dict, "new", PyLong_FromSize_t(c.fresh)) &&
           ork_py_put(dict, "score_change", PyFloat_FromDouble(c.score_change));
}

static bool put_classes(const evaluating *e, PyObject *dict, int index)
{
    const int count = picture_count(e);
    const int *places = e->places + index * count, *first = e->places;
    int best = 0, among = 0, right_only = 0, wrong_only = 0;
    for (int i = 0; i < count; i++) {
        best += places[i] == 0;
        among += places[i] < ORK_BEST_CLASSES;
        right_only += places[i] == 0 && first[i] != 0;
        wrong_only += places[i] != 0 && first[i] == 0;
    }
    return put_number(dict, "top-1", count ? (double)best / count : -1) &&
           put_number(dict, "top-5", count ? (double)among / count : -1) &&
           (index == FLOAT || !e->sessions[FLOAT] ||
            (ork_py_put(dict, "right_only", PyLong_FromLong(right_only)) &&
             ork_py_put(dict, "wrong_only", PyLong_FromLong(wrong_only))));
}

static PyObject *result_of(const evaluating *e)
{
    static const char *const names[] = {"float", "built"};
    PyObject *result = PyDict_New();
    bool good = result && ork_py_put(result, "pictures", PyLong_FromLong(picture_count(e)));
    for (int i = 0; good && i < SUBJECTS; i++) {
        if (!e->sessions[i])
            continue;
        PyObject *dict = PyDict_New();
        good = dict && (e->truth ? put_boxes(e, dict, i) : put_classes(e, dict, i)) &&
               ork_py_put(result, names[i], ork_py_ref(dict));
        Py_XDECREF(dict);
    }
    if (good)
        return result;
    Py_XDECREF(result);
    return NULL;
}

/* ---- the method ---- */

static bool read_path(ork_py_model *self, PyObject *object, const char *place, PyObject **owner,
                      const char **path)
{
    if (object == Py_None)
        return true;
    *owner = ork_py_path(self, object, place);
    *path = *owner ? PyBytes_AS_STRING(*owner) : NULL;
    return *owner != NULL;
}

static bool read_letterbox(evaluating *e, const char *text)
{
    static const char *const names[] = {"auto", "center", "top-left", "stretch"};
    for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++)
        if (strcmp(text, names[i]) == 0) {
            e->detect.letterbox = (ork_letterbox_mode)i;
            return true;
        }
    fail_argument(e->self, "evaluate(letterbox=...)",
                  "give 'auto', 'center', 'top-left' or 'stretch'",
                  "there is no such way to fit a picture");
    return false;
}

static bool carry_out(evaluating *e)
{
    bool good;
    ork_py_progress_start(e->self, true);
    Py_BEGIN_ALLOW_THREADS;
    good = open_sessions(e) && (e->annotations ? run_detectors(e) : run_classifiers(e));
    Py_END_ALLOW_THREADS;
    ork_py_progress_end(e->self);
    if (!good || e->self->signal_type)
        ork_py_fail_from(e->self, e->error ? e->error : ork_model_error(e->self->model));
    return !PyErr_Occurred();
}

/* evaluate(annotations, labelled, images, limit, letterbox, bgr, agnostic, score, nms, seen, crop,
   offset) */
PyObject *ork_py_evaluate(ork_py_model *self, PyObject *args)
{
    PyObject *paths[3], *owners[3] = {NULL}, *result = NULL;
    const char *letterbox;
    int bgr, agnostic;
    double score, nms, seen, crop;
    evaluating e = {.self = self,
                    .detect = ORK_OPTIONS_INIT(ork_detect_options),
                    .classify = ORK_OPTIONS_INIT(ork_classify_options)};
    if (!PyArg_ParseTuple(args, "OOOisppddddi:evaluate", &paths[0], &paths[1], &paths[2], &e.limit,
                          &letterbox, &bgr, &agnostic, &score, &nms, &seen, &crop, &e.offset) ||
        !ork_py_check_built(self, "evaluate()") || !read_letterbox(&e, letterbox))
        return NULL;
    e.seen = (float)seen;
    e.detect.score_threshold = (float)score;
    e.detect.nms_threshold = (float)nms;
    e.detect.class_agnostic = agnostic;
    e.detect.bgr = e.classify.bgr = bgr;
    e.detect.max_boxes = 1000;
    e.classify.crop = crop;
    const bool good =
        read_path(self, paths[0], "evaluate(annotations=...)", &owners[0], &e.annotations) &&
        read_path(self, paths[1], "evaluate(labelled=...)", &owners[1], &e.labelled) &&
        read_path(self, paths[2], "evaluate(images=...)", &owners[2], &e.images);
    if (good && !e.annotations == !e.labelled)
        fail_argument(self, "evaluate()",
                      "give annotations=... for a detector, or labelled=... for a classifier",
                      "boxes or classes can be measured, one of both at a time");
    else if (good && carry_out(&e))
        result = result_of(&e);
    close_evaluating(&e);
    for (int i = 0; i < 3; i++)
        Py_XDECREF(owners[i]);
    return result;
}
