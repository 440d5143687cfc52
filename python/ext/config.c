/* SPDX-License-Identifier: Apache-2.0 */
/* RKNN.config: turns Python values into the texts that ork_model_config takes. */
#include "ext.h"

#include <stdlib.h>
#include <string.h>

/* ---- the keys -------------------------------------------------------------------------- */

/* Each kind is a function that makes the text of a value, or sets a Python error. */
typedef PyObject *(*text_fn)(PyObject *value);

static PyObject *text_of_bool(PyObject *value);
static PyObject *text_of_int(PyObject *value);
static PyObject *text_of_name(PyObject *value);
static PyObject *text_of_names(PyObject *value);
static PyObject *text_of_number(PyObject *value);
static PyObject *text_of_numbers(PyObject *value);

typedef struct config_row {
    const char *name;
    text_fn text;
    const char *wanted; /* for the error about a value that is something else */
    const char
        *default_value; /* as text, "" for None: not handed on unless it was changed before */
} config_row;

#define NUMBERS_WANTED "a list of numbers for each input, as in [[123.675, 116.28, 103.53]]"

static const config_row config_rows[] = {
    {"batch_size", text_of_int, "a whole number", "100"},
    {"mean_values", text_of_numbers, NUMBERS_WANTED, ""},
    {"std_values", text_of_numbers, NUMBERS_WANTED, ""},
    {"epochs", text_of_int, "a whole number", "-1"},
    {"reorder_channel", text_of_numbers, "text as in '2 1 0', or '0 1 2#0 1 2' for two inputs", ""},
    {"need_horizontal_merge", text_of_bool, "True or False", "0"},
    {"quantized_dtype", text_of_name, "text as in 'asymmetric_quantized-u8'",
     "asymmetric_quantized-u8"},
    {"quantized_algorithm", text_of_name, "'normal', 'mmse', 'kl_divergence' or 'percentile'",
     "normal"},
    {"quantized_method", text_of_name, "'layer' or 'channel'", "layer"},
    {"mmse_epoch", text_of_int, "a whole number", "3"},
    {"optimization_level", text_of_int, "a whole number from 0 to 3", "3"},
    {"target_platform", text_of_names, "text or a list of texts, as in ['rk1808']", ""},
    {"quantize_input_node", text_of_bool, "True or False", "0"},
    {"merge_dequant_layer_and_output_node", text_of_bool, "True or False", "0"},
    {"model_pruning", text_of_bool, "True or False", "0"},
    {"force_builtin_perm", text_of_bool, "True or False", "0"},
    {"output_optimize", text_of_bool, "0 or 1", "0"},
    {"do_sparse_network", text_of_bool, "True or False", "1"},
    {"remove_tensorflow_output_permute", text_of_bool, "True or False", "0"},
    {"vendor_exact", text_of_bool, "True or False", "0"},
    {"splits", text_of_int, "a whole number, 0 for none", "8"},
    {"equalization", text_of_bool, "True or False", "1"},
    {"max_drop", text_of_number, "points of accuracy, as 0.5", ""},
};
enum { CONFIG_ROWS = sizeof(config_rows) / sizeof(*config_rows) };

/* Keys of other generations of the toolkit, which scripts bring along. */
typedef struct foreign_key {
    const char *name, *generation, *fix;
} foreign_key;

#define TOOLKIT2  "RKNN-Toolkit2 (RK3566, RK3588 and later chips)"
#define EARLY     "the early releases of RKNN-Toolkit 1.x"
#define NO_NEED   "leave it out"
#define PREPARE   "prepare the pictures of the dataset instead, and leave it out"
#define MEAN_KEYS "use mean_values and std_values"

static const foreign_key foreign_keys[] = {
    {"quant_img_RGB2BGR", TOOLKIT2, "use reorder_channel='2 1 0', which swaps red and blue"},
    {"quantized_hybrid_level", TOOLKIT2, NO_NEED},
    {"float_dtype", TOOLKIT2, NO_NEED},
    {"custom_string", TOOLKIT2, NO_NEED},
    {"output_tensor_type", TOOLKIT2, NO_NEED},
    {"remove_weight", TOOLKIT2, NO_NEED},
    {"compress_weight", TOOLKIT2, NO_NEED},
    {"inputs_yuv_fmt", TOOLKIT2, NO_NEED},
    {"single_core_mode", TOOLKIT2, NO_NEED},
    {"dynamic_input", TOOLKIT2, "give load_pytorch the one size in input_size_list"},
    {"op_target", TOOLKIT2, NO_NEED},
    {"quantize_weight", TOOLKIT2, NO_NEED},
    {"remove_reshape", TOOLKIT2, NO_NEED},
    {"sparse_infer", TOOLKIT2, NO_NEED},
    {"enable_flash_attention", TOOLKIT2, NO_NEED},
    {"auto_hybrid_cos_thresh", TOOLKIT2, NO_NEED},
    {"auto_hybrid_euc_thresh", TOOLKIT2, NO_NEED},
    {"caffe_mean_file", EARLY, MEAN_KEYS},
    {"mean_file", EARLY, MEAN_KEYS},
    {"input_normalization", EARLY, MEAN_KEYS},
    {"inputs_scale_range", EARLY, MEAN_KEYS},
    {"force_gray", EARLY, PREPARE},
    {"input_fitting", EARLY, PREPARE},
    {"random_brightness", EARLY, PREPARE},
    {"random_contrast", EARLY, PREPARE},
    {"random_crop", EARLY, PREPARE},
    {"random_flip", EARLY, PREPARE},
    {"random_mirror", EARLY, PREPARE},
    {"samples", EARLY, "list as many pictures in the dataset as shall be used"},
    {"dtype", EARLY, "use quantized_dtype"},
    {"model_data_format", EARLY, NO_NEED},
    {"model_quantize", EARLY, NO_NEED},
    {"optimize", EARLY, "use optimization_level"},
    {"quantized_moving_alpha", EARLY, NO_NEED},
    {"quantized_divergence_nbins", EARLY, NO_NEED},
    {"quantized_hybrid", EARLY, NO_NEED},
    {"restart", EARLY, NO_NEED},
    {"deconv_merge", EARLY, NO_NEED},
    {"conv_mul_merge", EARLY, NO_NEED},
};

/* ---- values to text -------------------------------------------------------------------- */

static PyObject *text_of_bool(PyObject *value)
{
    long number = PyUnicode_Check(value) ? -1
                  : PyLong_Check(value)  ? PyLong_AsLong(value)
                                         : PyObject_IsTrue(value);
    if (number != 0 && number != 1) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "neither true nor false");
        return NULL;
    }
    return PyUnicode_FromString(number ? "1" : "0");
}

static PyObject *text_of_int(PyObject *value)
{
    PyObject *number = PyNumber_Index(value);
    PyObject *text = number ? PyObject_Str(number) : NULL;
    Py_XDECREF(number);
    return text;
}

static PyObject *text_of_name(PyObject *value)
{
    if (PyUnicode_Check(value))
        return ork_py_ref(value);
    PyErr_SetString(PyExc_TypeError, "no text");
    return NULL;
}

/* One text for each item of a sequence, joined. */
static PyObject *joined(PyObject *sequence, text_fn text_of_item, const char *separator)
{
    PyObject *items = PySequence_Tuple(sequence);
    if (!items)
        return NULL;
    PyObject *texts = PyList_New(0);
    for (Py_ssize_t i = 0; texts && i < PyTuple_GET_SIZE(items); i++) {
        PyObject *text = text_of_item(PyTuple_GET_ITEM(items, i));
        if (!text || PyList_Append(texts, text) < 0)
            Py_CLEAR(texts);
        Py_XDECREF(text);
    }
    Py_DECREF(items);
    PyObject *glue = texts ? PyUnicode_FromString(separator) : NULL;
    PyObject *text = glue ? PyUnicode_Join(glue, texts) : NULL;
    Py_XDECREF(glue);
    Py_XDECREF(texts);
    return text;
}

static PyObject *text_of_names(PyObject *value)
{
    return PyUnicode_Check(value) ? ork_py_ref(value) : joined(value, text_of_name, ",");
}

static PyObject *text_of_number(PyObject *value)
{
    double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    char *digits = PyOS_double_to_string(number, 'r', 0, 0, NULL);
    PyObject *text = digits ? PyUnicode_FromString(digits) : NULL;
    PyMem_Free(digits);
    return text;
}

static PyObject *text_of_one_input(PyObject *value)
{
    return PyUnicode_Check(value) ? ork_py_ref(value) : joined(value, text_of_number, " ");
}

/* [[1, 2, 3], [4, 5, 6]] is "1 2 3#4 5 6"; [1, 2, 3] is taken as [[1, 2, 3]]. */
static PyObject *text_of_numbers(PyObject *value)
{
    if (PyUnicode_Check(value))
        return ork_py_ref(value);
    Py_ssize_t count = PySequence_Size(value);
    if (count < 0)
        return NULL;
    PyObject *first = count ? PySequence_GetItem(value, 0) : NULL;
    bool nested = first && PySequence_Check(first);
    Py_XDECREF(first);
    return nested ? joined(value, text_of_one_input, "#") : text_of_one_input(value);
}

/* ---- setting --------------------------------------------------------------------------- */

static bool hand_on(ork_py_model *self, const char *name, const char *text)
{
    if (ork_model_config(self->model, name, text))
        return true;
    ork_py_fail_from(self, ork_model_error(self->model));
    return false;
}

/* For a value that did not come under the key's own name. */
static bool hand_on_row(ork_py_model *self, const char *name, const char *text)
{
    for (int i = 0; i < CONFIG_ROWS; i++) {
        if (!strcmp(config_rows[i].name, name))
            self->configured[i] = true;
    }
    return hand_on(self, name, text);
}

static PyObject *fail_value(ork_py_model *self, const char *name, const char *wanted,
                            PyObject *value)
{
    PyErr_Clear();
    PyObject *seen = PyObject_Repr(value);
    const char *text = seen ? PyUnicode_AsUTF8(seen) : NULL;
    if (!text)
        PyErr_Clear();
    ork_py_fail(self->state, ORK_PY_CONFIG_VALUE, name, NULL, NULL,
                "config(%s=...) wants %s, not %.200s", name, wanted,
                text ? text : Py_TYPE(value)->tp_name);
    Py_XDECREF(seen);
    return NULL;
}

/* The library's own text for a default, where it has one. */
static const char *default_of(const config_row *row)
{
    const ork_config_key *key;
    for (int i = 0; (key = ork_config_key_at(i)) != NULL; i++) {
        if (!strcmp(key->name, row->name) && key->default_value)
            return key->default_value;
    }
    return row->default_value;
}

/* The text of a value that the user gave, NULL with Failure set. */
static PyObject *text_of(ork_py_model *self, const config_row *row, PyObject *value)
{
    if (!value || value == Py_None)
        return PyUnicode_FromString(row->default_value);
    PyObject *text = row->text(value);
    if (!text && PyErr_ExceptionMatches(PyExc_Exception))
        fail_value(self, row->name, row->wanted, value);
    return text;
}

static bool set_row(ork_py_model *self, int index, PyObject *values)
{
    const config_row *row = &config_rows[index];
    PyObject *text = text_of(self, row, PyDict_GetItemString(values, row->name));
    const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
    bool ok = bytes != NULL;
    bool changed = ok && strcmp(bytes, row->default_value) != 0;
    if (ok && (changed || self->configured[index])) {
        ok = hand_on(self, row->name, changed ? bytes : default_of(row));
        self->configured[index] = changed;
    }
    Py_XDECREF(text);
    return ok;
}

/* The legacy form "M0 M1 M2 S" of one input, all channels with one scale; leaves its two halves in
   the texts that are being built. */
static bool split_group(const char *group, size_t length, char *mean, char *std)
{
    char copy[512];
    if (length >= sizeof(copy))
        return false;
    memcpy(copy, group, length);
    copy[length] = '\0';
    char *scale = strrchr(copy, ' ');
    if (!scale || scale == copy)
        return false;
    *scale++ = '\0';
    strcat(mean, copy);
    int count = 0;
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        if (count++)
            strcat(std, " ");
        strcat(std, scale);
    }
    return count > 0;
}

static bool set_legacy_mean(ork_py_model *self, PyObject *values)
{
    PyObject *value = PyDict_GetItemString(values, "channel_mean_value");
    if (!value || value == Py_None)
        return true;
    const char *rest = PyUnicode_Check(value) ? PyUnicode_AsUTF8(value) : NULL;
    size_t length = rest ? strlen(rest) : 0;
    /* A scale of k characters is repeated at most length/2 times. */
    char mean[1024], std[1024 * 16];
    bool ok = rest && length < sizeof(mean) && length < 128;
    mean[0] = std[0] = '\0';
    while (ok && *rest) {
        size_t group = strcspn(rest, "#");
        ok = split_group(rest, group, mean, std);
        rest += group;
        if (*rest == '#') {
            strcat(mean, "#");
            strcat(std, "#");
            rest++;
        }
    }
    if (!ok || !length)
        return fail_value(self, "channel_mean_value", "text as in '127.5 127.5 127.5 127.5'",
                          value) != NULL;
    return hand_on_row(self, "mean_values", mean) && hand_on_row(self, "std_values", std);
}

static bool is_given(PyObject *values, const char *name)
{
    PyObject *value = PyDict_GetItemString(values, name);
    return value && value != Py_None;
}

static bool check_legacy_mean(ork_py_model *self, PyObject *values)
{
    if (!is_given(values, "channel_mean_value") ||
        (!is_given(values, "mean_values") && !is_given(values, "std_values")))
        return true;
    ork_py_fail(self->state, ORK_PY_CONFIG_VALUE, "channel_mean_value",
                "both set the mean and the scale of the input",
                "keep mean_values and std_values only",
                "config() got channel_mean_value together with mean_values or std_values");
    return false;
}

/* A key that RKNN-Toolkit 1.x does not have: the library knows it, or the error names the nearest
   one, unless we know where it comes from. */
static bool set_extra(ork_py_model *self, const char *name, PyObject *value)
{
    for (size_t i = 0; i < sizeof(foreign_keys) / sizeof(*foreign_keys); i++) {
        const foreign_key *key = &foreign_keys[i];
        if (strcmp(name, key->name))
            continue;
        char why[200];
        snprintf(why, sizeof(why), "it belongs to %s; this is the interface of RKNN-Toolkit 1.7",
                 key->generation);
        ork_py_fail(self->state, ORK_PY_CONFIG_KEY, name, why, key->fix, "config() has no key '%s'",
                    name);
        return false;
    }
    text_fn kinds[] = {text_of_name, text_of_numbers, text_of_number};
    PyObject *text = NULL;
    if (PyBool_Check(value))
        text = text_of_bool(value);
    for (size_t i = 0; !text && i < sizeof(kinds) / sizeof(*kinds); i++) {
        PyErr_Clear();
        text = kinds[i](value);
    }
    PyErr_Clear();
    const char *bytes = text ? PyUnicode_AsUTF8(text) : "";
    bool ok = bytes && hand_on(self, name, bytes);
    Py_XDECREF(text);
    return ok;
}

static bool set_all(ork_py_model *self, PyObject *values, PyObject *extra)
{
    PyObject *key, *value;
    for (Py_ssize_t position = 0; PyDict_Next(extra, &position, &key, &value);) {
        const char *name = PyUnicode_AsUTF8(key);
        if (!name || !set_extra(self, name, value))
            return false;
    }
    if (!check_legacy_mean(self, values))
        return false;
    for (int i = 0; i < CONFIG_ROWS; i++) {
        if (!set_row(self, i, values))
            return false;
    }
    return set_legacy_mean(self, values);
}

/* Keeps the text of the failure that is being raised. */
static void remember_failure(ork_py_model *self)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *args = value ? PyObject_GetAttrString(value, "args") : NULL;
    PyObject *what = args && PyTuple_Check(args) && PyTuple_GET_SIZE(args) > 2
                         ? PyTuple_GET_ITEM(args, 2)
                         : NULL;
    const char *text = what && PyUnicode_Check(what) ? PyUnicode_AsUTF8(what) : NULL;
    PyErr_Clear();
    self->config_failure = strdup(text ? text : "config() failed");
    Py_XDECREF(args);
    PyErr_Restore(type, value, trace);
}

PyObject *ork_py_config(ork_py_model *self, PyObject *args)
{
    PyObject *values, *extra;
    if (!PyArg_ParseTuple(args, "O!O!:config", &PyDict_Type, &values, &PyDict_Type, &extra))
        return NULL;
    free(self->config_failure);
    self->config_failure = NULL;
    if (set_all(self, values, extra))
        Py_RETURN_NONE;
    remember_failure(self);
    return NULL;
}

bool ork_py_config_check(ork_py_model *self, const char *call)
{
    if (!self->config_failure)
        return true;
    ork_py_fail(self->state, ORK_PY_CALL_ORDER, call, self->config_failure,
                "correct the call of config() and run again",
                "%s() needs a configuration, and config() was refused", call);
    return false;
}
