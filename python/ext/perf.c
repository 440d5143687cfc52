/* SPDX-License-Identifier: Apache-2.0 */
/* How long a chip takes, as a dictionary in the form of the toolkit's simulator. */
#include "ext.h"

static PyObject *layer_of(const ork_estimate_layer *layer)
{
    PyObject *dict = PyDict_New();
    if (dict && ork_py_put(dict, "name", ork_py_text(layer->layer)) &&
        ork_py_put(dict, "operation", ork_py_text(layer->op)) &&
        ork_py_put(dict, "time", PyFloat_FromDouble(layer->seconds * 1e6)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}

/* Numbered as the printed table has them. */
static PyObject *layers_of(const ork_estimate_report *report)
{
    PyObject *layers = PyDict_New();
    int number = 0;
    for (int i = 0; layers && i < report->layer_count; i++) {
        char key[16];
        if (strcmp(report->layers[i].unit, "free") == 0)
            continue;
        snprintf(key, sizeof(key), "%d", number++);
        if (!ork_py_put(layers, key, layer_of(&report->layers[i])))
            Py_CLEAR(layers);
    }
    return layers;
}

static PyObject *printed(const ork_estimate_report *report, bool details)
{
    char *text = ork_estimate_text(report, details);
    PyObject *object = text ? ork_py_text(text) : PyErr_NoMemory();
    ork_text_free(text);
    return object;
}

PyObject *ork_py_eval_perf(ork_py_model *self, PyObject *args)
{
    int details;
    PyObject *statistics, *path = NULL;
    if (!PyArg_ParseTuple(args, "pO:eval_perf", &details, &statistics))
        return NULL;
    const ork_estimate_report *report = ork_model_estimate(self->model, NULL);
    if (!report)
        return ork_py_fail_from(self, ork_model_error(self->model));
    if (statistics != Py_None && !(path = ork_py_path(self, statistics, "eval_perf()")))
        return NULL;
    const bool good =
        !path || ork_estimate_write_statistics(self->model, report, PyBytes_AS_STRING(path));
    Py_XDECREF(path);
    if (!good)
        return ork_py_fail_from(self, ork_model_error(self->model));
    PyObject *dict = PyDict_New();
    if (dict && ork_py_put(dict, "kind", ork_py_text("estimated")) &&
        ork_py_put(dict, "target", ork_py_text(report->target)) &&
        ork_py_put(dict, "total_time", PyFloat_FromDouble(report->seconds * 1e6)) &&
        ork_py_put(dict, "layers", layers_of(report)) &&
        ork_py_put(dict, "text", printed(report, details)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}
