/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the chip takes, in the toolkit's form, and a session here. */
#include "ext.h"

static bool put_bytes(PyObject *dict, const char *key, uint64_t bytes)
{
    return ork_py_put(dict, key, PyLong_FromUnsignedLongLong(bytes));
}

static PyObject *pair_of(uint64_t most, uint64_t total)
{
    PyObject *dict = PyDict_New();
    if (dict && put_bytes(dict, "maximum_allocation", most) &&
        put_bytes(dict, "total_allocation", total))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}

static PyObject *session_of(ork_session *session)
{
    const ork_memory_report *r = ork_session_memory(session);
    PyObject *dict = PyDict_New();
    if (dict && put_bytes(dict, "total", r->total_bytes) &&
        put_bytes(dict, "weights", r->weight_bytes) &&
        put_bytes(dict, "parameters", r->parameter_bytes) &&
        put_bytes(dict, "tensors", r->tensor_bytes) && put_bytes(dict, "live", r->live_bytes) &&
        put_bytes(dict, "scratch", r->scratch_bytes) &&
        put_bytes(dict, "outputs", r->output_bytes) &&
        put_bytes(dict, "process", r->process_bytes) &&
        put_bytes(dict, "process_peak", r->process_peak_bytes))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}

static PyObject *printed(const ork_npu_memory_report *report)
{
    char *text = ork_npu_memory_text(report);
    PyObject *object = text ? ork_py_text(text) : PyErr_NoMemory();
    ork_text_free(text);
    return object;
}

PyObject *ork_py_eval_memory(ork_py_model *self, PyObject *args)
{
    int with_session;
    if (!PyArg_ParseTuple(args, "p:eval_memory", &with_session))
        return NULL;
    const ork_npu_memory_report *r = ork_model_estimate_memory(self->model, NULL);
    if (!r)
        return ork_py_fail_from(self, ork_model_error(self->model));
    const uint64_t most = r->weight_bytes + r->internal_bytes;
    const uint64_t total = r->weight_bytes + r->value_bytes;
    PyObject *dict = PyDict_New();
    if (dict && ork_py_put(dict, "kind", ork_py_text("estimated")) &&
        ork_py_put(dict, "target", ork_py_text(r->target)) &&
        ork_py_put(dict, "system_memory", pair_of(r->host_bytes, r->host_bytes)) &&
        ork_py_put(dict, "npu_memory", pair_of(most, total)) &&
        ork_py_put(dict, "total_memory", pair_of(r->host_bytes + most, r->host_bytes + total)) &&
        (!with_session || !self->session ||
         ork_py_put(dict, "session", session_of(self->session))) &&
        ork_py_put(dict, "text", printed(r)))
        return dict;
    Py_XDECREF(dict);
    return NULL;
}
