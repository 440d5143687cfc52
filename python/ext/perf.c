/* SPDX-License-Identifier: Apache-2.0 */
/* How long a chip takes, as a dictionary in the form of the toolkit's simulator. */
#include "ext.h"

/* Steals the value. */
static bool put(PyObject *dict, const char *key, PyObject *value)
{
    bool ok = value && PyDict_SetItemString(dict, key, value) == 0;
    Py_XDECREF(value);
    return ok;
}

static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *layer_of(const ork_estimate_layer *layer)
{
    PyObject *dict = PyDict_New();
    if (dict && put(dict, "name", text_of(layer->layer)) &&
        put(dict, "operation", text_of(layer->op)) &&
        put(dict, "time", PyFloat_FromDouble(layer->seconds * 1e6)))
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
        if (!put(layers, key, layer_of(&report->layers[i])))
            Py_CLEAR(layers);
    }
    return layers;
}

static PyObject *printed(const ork_estimate_report *report, bool details)
{
    char *text = ork_estimate_text(report, details);
    PyObject *object = text ? text_of(text) : PyErr_NoMemory();
    ork_text_free(text);
    return object;
}

PyObject *ork_py_eval_perf(ork_py_model *self, PyObject *args)
{
    int details;
    if (!PyArg_ParseTuple(args, "p:eval_perf", &details))
        return NULL;
    const ork_estimate_report *report = ork_model_estimate(self->model, NULL);
    if (!report)
        return ork_py_fail_from(self, ork_model_error(self->model));
    PyObject *dict = PyDict_New();
    if (dict && put(dict, "kind", text_of("estimated")) &&
        put(dict, "target", text_of(report->target)) &&
        put(dict, "total_time", PyFloat_FromDouble(report->seconds * 1e6)) &&
        put(dict, "layers", layers_of(report)) && put(dict, "text", printed(report, details)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}
