/* SPDX-License-Identifier: Apache-2.0 */
/* RKNN.inference: arrays in, arrays out. Arrays are converted by NumPy itself, called as any Python
   module, so that building needs none of its headers and its version does not matter. */
#include "ext.h"

#include <string.h>

typedef struct data_type {
    const char *name;
    ork_dtype dtype;
    bool is_integer;
} data_type;

static const data_type data_types[] = {
    {"uint8", ORK_U8, true},     {"int8", ORK_I8, true},      {"int16", ORK_I16, true},
    {"float16", ORK_F16, false}, {"float32", ORK_F32, false},
};

typedef struct format_name {
    const char *name;
    ork_format format;
} format_name;

static const format_name formats[] = {{"nhwc", ORK_NHWC}, {"nchw", ORK_NCHW}};

/* ---- arguments ------------------------------------------------------------------------- */

/* None stands for the default, as in the scripts of some releases. */
static const char *word_of(PyObject *value, const char *default_word)
{
    if (value == Py_None)
        return default_word;
    const char *word = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
    if (!word)
        PyErr_Clear();
    return word;
}

static const data_type *find_data_type(ork_py_model *self, PyObject *value)
{
    const char *word = word_of(value, "uint8");
    for (size_t i = 0; word && i < sizeof(data_types) / sizeof(*data_types); i++) {
        if (!strcmp(word, data_types[i].name))
            return &data_types[i];
    }
    ork_py_fail(self->state, ORK_PY_INPUT_TYPE, "inference(data_type=...)", NULL,
                "data_type may be 'uint8', 'int8', 'int16', 'float16' or 'float32'",
                "data_type is %.60s", word ? word : Py_TYPE(value)->tp_name);
    return NULL;
}

static const format_name *find_format(ork_py_model *self, PyObject *value)
{
    const char *word = word_of(value, "nhwc");
    for (size_t i = 0; word && i < sizeof(formats) / sizeof(*formats); i++) {
        if (!PyOS_stricmp(word, formats[i].name))
            return &formats[i];
    }
    ork_py_fail(self->state, ORK_PY_INPUT_SHAPE, "inference(data_format=...)", NULL,
                "data_format may be 'nhwc' or 'nchw'", "data_format is %.60s",
                word ? word : Py_TYPE(value)->tp_name);
    return NULL;
}

/* True when `list` holds as many flags as there are inputs; sets flags[i]. */
static bool read_flags(ork_py_model *self, PyObject *list, ork_input *inputs, Py_ssize_t count)
{
    if (list == Py_None)
        return true;
    Py_ssize_t size = PySequence_Size(list);
    if (size != count) {
        PyErr_Clear();
        ork_py_fail(self->state, ORK_PY_INPUT_COUNT, "inference(inputs_pass_through=...)", NULL,
                    "give 0 or 1 for each input, as in inputs_pass_through=[0]",
                    "inputs_pass_through must be a list of %zd flags, one for each input", count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *flag = PySequence_GetItem(list, i);
        int truth = flag ? PyObject_IsTrue(flag) : -1;
        Py_XDECREF(flag);
        if (truth < 0)
            return false;
        inputs[i].pass_through = truth;
    }
    return true;
}

/* ---- inputs ---------------------------------------------------------------------------- */

static PyObject *numpy_call(ork_py_model *self, const char *name, PyObject *args, PyObject *kwargs)
{
    if (!self->state->numpy)
        self->state->numpy = PyImport_ImportModule("numpy");
    PyObject *function =
        self->state->numpy ? PyObject_GetAttrString(self->state->numpy, name) : NULL;
    PyObject *result = function && args ? PyObject_Call(function, args, kwargs) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(args);
    return result;
}

/* The array as elements of the type in row-major order; the same object when it is so already. */
static PyObject *cast_to(PyObject *array, const char *type)
{
    PyObject *method = PyObject_GetAttrString(array, "astype");
    PyObject *args = Py_BuildValue("(s)", type);
    PyObject *kwargs = Py_BuildValue("{s:s,s:O}", "order", "C", "copy", Py_False);
    PyObject *cast = method && args && kwargs ? PyObject_Call(method, args, kwargs) : NULL;
    Py_XDECREF(method);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return cast;
}

static bool is_named(PyObject *array, const char *type)
{
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *name = dtype ? PyObject_GetAttrString(dtype, "name") : NULL;
    bool same = name && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, type) == 0;
    Py_XDECREF(dtype);
    Py_XDECREF(name);
    PyErr_Clear();
    return same;
}

/* RKNN-Toolkit 1.x casts silently; a picture scaled to 0..1 then becomes black, which is worth a
   word. Given once. */
static bool tell_cast(ork_py_model *self, PyObject *array, PyObject *cast, const data_type *type,
                      Py_ssize_t index)
{
    if (!self->told_f64 && !type->is_integer && is_named(array, "float64")) {
        self->told_f64 = true;
        ork_py_log(self, ORK_LOG_NOTE, "inputs[%zd] is float64 and was rounded to %s", index,
                   type->name);
    }
    if (self->told_cast || !type->is_integer || is_named(array, type->name))
        return true;
    PyObject *equal = numpy_call(self, "array_equal", PyTuple_Pack(2, array, cast), NULL);
    int same = equal ? PyObject_IsTrue(equal) : -1;
    Py_XDECREF(equal);
    if (same < 0)
        return false;
    if (!same) {
        self->told_cast = true;
        ork_py_log(
            self, ORK_LOG_WARNING,
            "inputs[%zd] holds values that %s cannot: they were cast, as in RKNN-Toolkit 1.x. "
            "Give data_type='float32' to keep them.",
            index, type->name);
    }
    return true;
}

/* Whatever NumPy says about a value that is no array becomes an error of ours. */
static PyObject *fail_array(ork_py_model *self, Py_ssize_t index, const data_type *type)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError) ||
        PyErr_ExceptionMatches(PyExc_ImportError))
        return NULL;
    PyObject *kind, *value, *trace;
    PyErr_Fetch(&kind, &value, &trace);
    PyObject *said = value ? PyObject_Str(value) : NULL;
    const char *why = said ? PyUnicode_AsUTF8(said) : NULL;
    PyErr_Clear();
    ork_py_fail(self->state, ORK_PY_INPUT_TYPE, "inference(inputs=...)", why,
                "give numpy arrays, as cv2.imread returns them",
                "inputs[%zd] cannot be read as an array of %s", index, type->name);
    Py_XDECREF(said);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return NULL;
}

static PyObject *read_array(ork_py_model *self, PyObject *object, Py_ssize_t index,
                            const data_type *type)
{
    PyObject *array = numpy_call(self, "asarray", PyTuple_Pack(1, object), NULL);
    PyObject *cast = array ? cast_to(array, type->name) : NULL;
    bool ok = cast && tell_cast(self, array, cast, type, index);
    Py_XDECREF(array);
    if (ok)
        return cast;
    Py_XDECREF(cast);
    return fail_array(self, index, type);
}

static void tell_batch(ork_py_model *self, const Py_buffer *view, Py_ssize_t index)
{
    ork_tensor_info info;
    if (self->told_batch || view->ndim != 3 || index > INT_MAX ||
        !ork_model_input_info(self->model, (int)index, &info) || info.rank != 4)
        return;
    self->told_batch = true;
    ork_py_log(self, ORK_LOG_NOTE,
               "inputs[%zd] is one picture of %zdx%zdx%zd; taken as a batch of one", index,
               view->shape[0], view->shape[1], view->shape[2]);
}

/* Fills `input` from the object; the view keeps the elements alive until it is released. */
static bool read_input(ork_py_model *self, PyObject *object, Py_ssize_t index,
                       const data_type *type, ork_input *input, Py_buffer *view)
{
    PyObject *array = read_array(self, object, index, type);
    if (!array)
        return false;
    int got = PyObject_GetBuffer(array, view, PyBUF_ND | PyBUF_C_CONTIGUOUS);
    Py_DECREF(array);
    if (got < 0)
        return false;
    if (view->ndim > (int)(sizeof(input->dims) / sizeof(*input->dims))) {
        ork_py_fail(self->state, ORK_PY_INPUT_SHAPE, "inference(inputs=...)", NULL,
                    "give pictures of rank 3 or 4", "inputs[%zd] has rank %d", index, view->ndim);
        PyBuffer_Release(view);
        return false;
    }
    input->data = view->buf;
    input->dtype = type->dtype;
    input->rank = view->ndim;
    for (int i = 0; i < view->ndim; i++)
        input->dims[i] = view->shape[i];
    tell_batch(self, view, index);
    return true;
}

/* ---- outputs --------------------------------------------------------------------------- */

static PyObject *shape_of(const ork_output_view *view)
{
    PyObject *shape = PyTuple_New(view->rank);
    for (int i = 0; shape && i < view->rank; i++) {
        PyObject *size = PyLong_FromLongLong(view->dims[i]);
        if (!size)
            Py_CLEAR(shape);
        else
            PyTuple_SET_ITEM(shape, i, size);
    }
    return shape;
}

/* A fresh array that the script owns and may write to: the session's own memory is used again by
   the next run. */
static PyObject *array_of(ork_py_model *self, const ork_output_view *view)
{
    PyObject *shape = shape_of(view);
    PyObject *args = shape ? Py_BuildValue("(Ns)", shape, "float32") : NULL;
    PyObject *array = args ? numpy_call(self, "empty", args, NULL) : NULL;
    Py_buffer buffer;
    if (!array || PyObject_GetBuffer(array, &buffer, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0) {
        Py_XDECREF(array);
        return NULL;
    }
    size_t bytes = view->count * sizeof(float);
    bool fits = (size_t)buffer.len == bytes;
    if (fits)
        memcpy(buffer.buf, view->data, bytes);
    PyBuffer_Release(&buffer);
    if (fits)
        return array;
    Py_DECREF(array);
    return ork_py_fail(self->state, ORK_PY_INTERNAL, "inference()", NULL, NULL,
                       "an output's shape and its size differ");
}

static PyObject *read_outputs(ork_py_model *self)
{
    int count = ork_model_output_count(self->model);
    PyObject *outputs = PyList_New(0);
    for (int i = 0; outputs && i < count; i++) {
        ork_output_view view;
        PyObject *array = ork_session_output(self->session, i, &view)
                              ? array_of(self, &view)
                              : ork_py_fail_from(self, ork_session_error(self->session));
        if (!array || PyList_Append(outputs, array) < 0)
            Py_CLEAR(outputs);
        Py_XDECREF(array);
    }
    return outputs;
}

/* ---- the call -------------------------------------------------------------------------- */

static PyObject *run(ork_py_model *self, const ork_input *inputs, Py_ssize_t count)
{
    bool ok;
    ork_py_progress_start(self, false);
    Py_BEGIN_ALLOW_THREADS;
    ok = ork_session_run(self->session, inputs, (int)count);
    Py_END_ALLOW_THREADS;
    if (!ok || self->signal_type)
        return ork_py_fail_from(self, ork_session_error(self->session));
    return read_outputs(self);
}

static PyObject *run_on(ork_py_model *self, PyObject *list, const data_type *type,
                        const format_name *format, PyObject *flags)
{
    Py_ssize_t count = PyTuple_GET_SIZE(list);
    ork_input *inputs = PyMem_Calloc((size_t)count + 1, sizeof(*inputs));
    Py_buffer *views = PyMem_Calloc((size_t)count + 1, sizeof(*views));
    PyObject *outputs = NULL;
    Py_ssize_t read = 0;
    bool ok = inputs && views && read_flags(self, flags, inputs, count);
    for (; ok && read < count; read++) {
        inputs[read].format = format->format;
        ok =
            read_input(self, PyTuple_GET_ITEM(list, read), read, type, &inputs[read], &views[read]);
        if (!ok)
            break;
    }
    if (ok)
        outputs = run(self, inputs, count);
    else if (!PyErr_Occurred())
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < read; i++)
        PyBuffer_Release(&views[i]);
    PyMem_Free(views);
    PyMem_Free(inputs);
    return outputs;
}

/* A single array in place of the list is what was meant by it. */
static PyObject *list_of_inputs(ork_py_model *self, PyObject *inputs)
{
    if (PyObject_CheckBuffer(inputs))
        return PyTuple_Pack(1, inputs);
    if (PyList_Check(inputs) || PyTuple_Check(inputs))
        return PySequence_Tuple(inputs);
    return ork_py_fail(self->state, ORK_PY_INPUT_COUNT, "inference(inputs=...)", NULL,
                       "give a list of arrays, as in inference(inputs=[picture])",
                       "inputs is no list of arrays but %.60s", Py_TYPE(inputs)->tp_name);
}

/* The smaller count is checked here, before anything of that size is asked for. */
static bool check_count(ork_py_model *self, PyObject *list)
{
    Py_ssize_t given = PyTuple_GET_SIZE(list);
    int wanted = ork_model_input_count(self->model);
    if (given == wanted)
        return true;
    ork_py_fail(self->state, ORK_PY_INPUT_COUNT, "inference(inputs=...)", NULL,
                wanted == 1 ? "give one array: inference(inputs=[picture])"
                            : "give one array for each input",
                "the network has %d input%s; inference() got %zd array%s", wanted,
                wanted == 1 ? "" : "s", given, given == 1 ? "" : "s");
    return false;
}

PyObject *ork_py_inference(ork_py_model *self, PyObject *args)
{
    PyObject *inputs, *type_name, *format_text, *flags;
    if (!PyArg_ParseTuple(args, "OOOO:inference", &inputs, &type_name, &format_text, &flags))
        return NULL;
    if (!self->session)
        return ork_py_fail(self->state, ORK_PY_CALL_ORDER, "inference()", ork_py_call_order,
                           "call init_runtime() first, and check that it returns 0",
                           "inference() needs init_runtime()");
    const data_type *type = find_data_type(self, type_name);
    const format_name *format = type ? find_format(self, format_text) : NULL;
    PyObject *list = format ? list_of_inputs(self, inputs) : NULL;
    PyObject *outputs =
        list && check_count(self, list) ? run_on(self, list, type, format, flags) : NULL;
    Py_XDECREF(list);
    return outputs;
}
