/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that take a .rknn file and have nothing to do with the model that is loaded. */
#include "ext.h"

#include <stdlib.h>
#include <string.h>

/* A model of its own with the file in it, or NULL with the error set. */
static ork_model *read_model(ork_py_model *self, PyObject *object, const char *place)
{
    PyObject *path = ork_py_path(self, object, place);
    ork_model *model = path ? ork_model_new() : NULL;
    bool good = false;
    if (model) {
        Py_BEGIN_ALLOW_THREADS;
        good = ork_model_load_rknn(model, PyBytes_AS_STRING(path));
        Py_END_ALLOW_THREADS;
        if (!good)
            ork_py_fail_from(self, ork_model_error(model));
    } else if (path) {
        PyErr_NoMemory();
    }
    Py_XDECREF(path);
    if (good)
        return model;
    ork_model_free(model);
    return NULL;
}

/* Frees the model. */
static PyObject *done(ork_py_model *self, ork_model *model, bool good)
{
    if (!good && !PyErr_Occurred())
        ork_py_fail_from(self, ork_model_error(model));
    ork_model_free(model);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* The file's name without folder and ending, and then another ending; from malloc, or NULL. */
static char *named_after(const char *path, const char *ending, bool keep_folder)
{
    const char *slash = strrchr(path, '/');
    const char *name = keep_folder || !slash ? path : slash + 1;
    const char *dot = strrchr(slash ? slash : path, '.');
    const size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    char *result = malloc(stem + strlen(ending) + 1);
    if (result) {
        memcpy(result, name, stem);
        strcpy(result + stem, ending);
    }
    return result;
}

PyObject *ork_py_export_quant_params(ork_py_model *self, PyObject *args)
{
    static const char place[] = "export_rknn_quant_params(model=...)";
    PyObject *object, *path;
    int only_io;
    if (!PyArg_ParseTuple(args, "Op:export_quant_params", &object, &only_io))
        return NULL;
    ork_model *model = read_model(self, object, place);
    if (!model || !(path = ork_py_path(self, object, place)))
        return NULL;
    char *file = named_after(PyBytes_AS_STRING(path), "_quant_param.yml", false);
    Py_DECREF(path);
    const bool good = file && ork_model_write_quant_params(model, file, only_io);
    if (!file)
        PyErr_NoMemory();
    free(file);
    return done(self, model, good);
}

static int *read_uids(ork_py_model *self, PyObject *object, int *count)
{
    PyObject *uids = PyLong_Check(object)      ? PyTuple_Pack(1, object)
                     : PyUnicode_Check(object) ? NULL
                                               : PySequence_Tuple(object);
    const Py_ssize_t wanted = uids ? PyTuple_GET_SIZE(uids) : -1;
    int *numbers =
        wanted >= 0 && wanted < INT_MAX ? PyMem_Calloc((size_t)wanted + 1, sizeof(*numbers)) : NULL;
    bool good = numbers != NULL;
    for (*count = 0; good && *count < wanted; ++*count) {
        const long uid = PyLong_AsLong(PyTuple_GET_ITEM(uids, *count));
        good = !PyErr_Occurred() && uid >= 0 && uid < INT_MAX;
        numbers[*count] = (int)uid;
    }
    Py_XDECREF(uids);
    if (good)
        return numbers;
    PyMem_Free(numbers);
    PyErr_Clear();
    return (int *)ork_py_fail(self->state, ORK_PY_USAGE, "export_rknn_sync_model(sync_uids=...)",
                              NULL, "write it as [4, 7]: numbers of the column Uid of eval_perf()",
                              "sync_uids must be a list of numbers of layers");
}

static bool write_model(ork_py_model *self, ork_model *model, PyObject *object, const char *place,
                        const char *ending)
{
    PyObject *path = ork_py_path(self, object, place);
    char *file = !path    ? NULL
                 : ending ? named_after(PyBytes_AS_STRING(path), ending, true)
                          : strdup(PyBytes_AS_STRING(path));
    const bool good = file && ork_model_export(model, file);
    free(file);
    Py_XDECREF(path);
    return good;
}

PyObject *ork_py_export_sync(ork_py_model *self, PyObject *args)
{
    PyObject *input, *uids, *output;
    int count = 0;
    if (!PyArg_ParseTuple(args, "OOO:export_sync", &input, &uids, &output))
        return NULL;
    int *numbers = read_uids(self, uids, &count);
    ork_model *model =
        numbers ? read_model(self, input, "export_rknn_sync_model(input_model=...)") : NULL;
    bool good = model && ork_model_mark_sync(model, numbers, count);
    PyMem_Free(numbers);
    if (!model)
        return NULL;
    if (good)
        good = output == Py_None ? write_model(self, model, input, "input_model", "_sync.rknn")
                                 : write_model(self, model, output, "output_model", NULL);
    return done(self, model, good);
}

static PyObject *names_of(const char *targets)
{
    PyObject *list = PyList_New(0);
    for (const char *at = targets; list && *at;) {
        const size_t length = strcspn(at, ",");
        PyObject *name = PyUnicode_FromStringAndSize(at, (Py_ssize_t)length);
        if (!name || PyList_Append(list, name) != 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
        at += length + (at[length] == ',');
    }
    return list;
}

/* The chips that run what one of them runs, in capitals. */
static PyObject *family_of(const char *targets)
{
    const size_t length = strcspn(targets, ",");
    PyObject *list = PyList_New(0);
    const ork_target_info *info = NULL;
    int of = 0;
    while ((info = ork_target_at(of)) &&
           (strlen(info->name) != length || strncmp(info->name, targets, length) != 0))
        of++;
    for (int i = 0; list && info && ork_target_at(i); i++) {
        const ork_family family = ork_target_at(of)->family;
        PyObject *small = ork_py_text(ork_target_at(i)->name);
        PyObject *name = small ? PyObject_CallMethod(small, "upper", NULL) : NULL;
        if (!name || (ork_target_at(i)->family == family && PyList_Append(list, name) != 0))
            Py_CLEAR(list);
        Py_XDECREF(name);
        Py_XDECREF(small);
    }
    return list;
}

PyObject *ork_py_target_platforms(ork_py_model *self, PyObject *args)
{
    PyObject *object;
    ork_model *model = NULL;
    ork_model_info info = {.target = ""};
    if (!PyArg_ParseTuple(args, "O:target_platforms", &object))
        return NULL;
    if (object != Py_None &&
        !(model = read_model(self, object, "list_support_target_platform(rknn_model=...)")))
        return NULL;
    if (model)
        ork_model_get_info(model, &info);
    char *text = ork_targets_text(model);
    PyObject *dict = PyDict_New();
    bool good = dict && ork_py_put(dict, "text", ork_py_text(text));
    if (good && model)
        good = ork_py_put(dict, "filled_target_platform", names_of(info.target)) &&
               ork_py_put(dict, "support_target_platform", family_of(info.target));
    ork_text_free(text);
    ork_model_free(model);
    if (good)
        return dict;
    Py_XDECREF(dict);
    return NULL;
}
