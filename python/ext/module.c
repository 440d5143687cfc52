/* SPDX-License-Identifier: Apache-2.0 */
/* The module rknn._openrknn: the type Model, the exception Failure and the version. */
#include "ext.h"

static int add(PyObject *module, const char *name, PyObject *object)
{
    if (!object)
        return -1;
    Py_INCREF(object);
    if (PyModule_AddObject(module, name, object) == 0)
        return 0;
    Py_DECREF(object);
    return -1;
}

static int module_exec(PyObject *module)
{
    ork_py_state *state = PyModule_GetState(module);
    state->failure = PyErr_NewException("rknn._openrknn.Failure", NULL, NULL);
    if (add(module, "Failure", state->failure) < 0)
        return -1;
    state->model_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &ork_py_model_spec, NULL);
    if (add(module, "Model", (PyObject *)state->model_type) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "version", ork_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    ork_py_state *state = PyModule_GetState(module);
    Py_VISIT(state->failure);
    Py_VISIT(state->model_type);
    Py_VISIT(state->numpy);
    return 0;
}

static int module_clear(PyObject *module)
{
    ork_py_state *state = PyModule_GetState(module);
    Py_CLEAR(state->failure);
    Py_CLEAR(state->model_type);
    Py_CLEAR(state->numpy);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, __extension__(void *) module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_openrknn",
    .m_doc = "The C core of the package rknn; scripts use rknn.api.",
    .m_size = sizeof(ork_py_state),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

PyMODINIT_FUNC PyInit__openrknn(void);
PyMODINIT_FUNC PyInit__openrknn(void)
{
    return PyModuleDef_Init(&module_def);
}
