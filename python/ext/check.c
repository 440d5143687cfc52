/* SPDX-License-Identifier: Apache-2.0 */
/* What a chip will not take, as a dictionary: the keys are those of `ork check --json`. */
#include "ext.h"

bool ork_py_put(PyObject *dict, const char *key, PyObject *value)
{
    bool ok = value && PyDict_SetItemString(dict, key, value) == 0;
    Py_XDECREF(value);
    return ok;
}

static PyObject *finding_of(const ork_check_finding *finding)
{
    PyObject *dict = PyDict_New();
    if (dict && ork_py_put(dict, "rule", ork_py_text(finding->rule)) &&
        ork_py_put(dict, "severity", ork_py_text(finding->severity)) &&
        ork_py_put(dict, "layer", ork_py_text(finding->layer)) &&
        ork_py_put(dict, "scope", ork_py_text(finding->scope)) &&
        ork_py_put(dict, "operator", ork_py_text(finding->op)) &&
        ork_py_put(dict, "inputs", ork_py_text(finding->inputs)) &&
        ork_py_put(dict, "output", ork_py_text(finding->output)) &&
        ork_py_put(dict, "why", ork_py_text(finding->reason)) &&
        ork_py_put(dict, "instead", ork_py_text(finding->instead)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}

static PyObject *findings_of(const ork_check_report *report)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < report->finding_count; i++) {
        PyObject *finding = finding_of(&report->findings[i]);
        if (!finding || PyList_Append(list, finding) != 0)
            Py_CLEAR(list);
        Py_XDECREF(finding);
    }
    return list;
}

static PyObject *cut_of(const ork_check_report *report)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < report->cut_count; i++) {
        PyObject *name = ork_py_text(report->cut[i]);
        if (!name || PyList_Append(list, name) != 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *printed(const ork_check_report *report)
{
    char *text = ork_check_text(report, false);
    PyObject *object = text ? ork_py_text(text) : PyErr_NoMemory();
    ork_text_free(text);
    return object;
}

PyObject *ork_py_check(ork_py_model *self, PyObject *args)
{
    const char *target;
    if (!PyArg_ParseTuple(args, "s:check", &target) || !ork_py_config_check(self, "check"))
        return NULL;
    const ork_check_report *report = ork_model_check(self->model, target);
    if (!report)
        return ork_py_fail_from(self, ork_model_error(self->model));
    PyObject *dict = PyDict_New();
    if (dict && ork_py_put(dict, "target", ork_py_text(report->target)) &&
        ork_py_put(dict, "npu_layers", PyLong_FromSize_t(report->npu_layers)) &&
        ork_py_put(dict, "host_layers", PyLong_FromSize_t(report->host_layers)) &&
        ork_py_put(dict, "refused_layers", PyLong_FromSize_t(report->refused_layers)) &&
        ork_py_put(dict, "multiplications", PyLong_FromLongLong(report->macs)) &&
        ork_py_put(dict, "weights", PyLong_FromLongLong(report->weight_count)) &&
        ork_py_put(dict, "peak_numbers", PyLong_FromLongLong(report->peak_count)) &&
        ork_py_put(dict, "findings", findings_of(report)) &&
        ork_py_put(dict, "outputs", cut_of(report)) && ork_py_put(dict, "text", printed(report)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}
