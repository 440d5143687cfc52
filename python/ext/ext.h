/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the extension module rknn._openrknn: the type Model, on which the Python class
   rknn.api.RKNN is a thin cover. Every method either returns its value or raises Failure, whose
   arguments are the fields of an error; what a script sees of that (-1, None, an exception) is
   decided in Python. */
#ifndef ORK_PYTHON_EXT_H
#define ORK_PYTHON_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pythread.h>

#include <openrknn/openrknn.h>

#include <stdbool.h>
#include <stdio.h>

/* Py_NewRef, which Python 3.9 has not. */
static inline PyObject *ork_py_ref(PyObject *object)
{
    Py_INCREF(object);
    return object;
}

typedef struct ork_py_state {
    PyObject *failure; /* the exception type Failure */
    PyTypeObject *model_type;
    PyObject *numpy; /* NULL until inference is called: converting needs no NumPy */
} ork_py_state;

/* What has been done with a model so far, for errors about the order of calls. */
typedef enum ork_py_stage {
    ORK_PY_EMPTY,
    ORK_PY_LOADED, /* from a framework: wants build */
    ORK_PY_BUILT,
    ORK_PY_LOADED_RKNN, /* built by somebody else */
} ork_py_stage;

typedef struct ork_py_progress {
    bool on_terminal;
    char stage[64];
    double stage_start, last_tick; /* seconds */
    int drawn;                     /* characters of the bar now on the line */
} ork_py_progress;

typedef struct ork_py_model {
    PyObject_HEAD ork_py_state *state;
    ork_model *model;     /* NULL after release */
    ork_session *session; /* NULL before init_runtime */
    ork_py_stage stage;
    PyThread_type_lock lock; /* one thread at a time, although the GIL is released while working */
    unsigned long owner;     /* thread that holds the lock, 0 for none */
    bool verbose;
    FILE *log_file;
    bool configured[64];  /* rows of the configuration table that differ from their default */
    char *config_failure; /* why the last config was refused; "" is never stored */
    bool told_cast, told_f64, told_batch; /* notes that are given once */
    ork_py_progress progress;
    PyObject *signal_type, *signal_value, *signal_trace; /* raised by a handler during work */
} ork_py_model;

/* ---- errors and log lines (report.c); all need the GIL --------------------------------- */

typedef enum ork_py_error {
#define ORK_ERROR(symbol, id, name, exit_code, fix) ORK_PY_##symbol,
#include "base/errors.def"
#undef ORK_ERROR
} ork_py_error;

/* Texts beside `what` may be NULL. All set Failure and return NULL. */
PyObject *ork_py_fail(ork_py_state *state, ork_py_error error, const char *where, const char *why,
                      const char *fix, const char *what, ...) __attribute__((format(printf, 6, 7)));
PyObject *ork_py_fail_with(ork_py_state *state, const ork_error *error);
/* The library's own error, or the exception that a signal handler raised in the meantime. */
PyObject *ork_py_fail_from(ork_py_model *self, const ork_error *error);

void ork_py_log(ork_py_model *self, ork_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Both are called by the library without the GIL; `user` is the model. */
void ork_py_on_log(void *user, ork_log_level level, const char *text);
bool ork_py_on_progress(void *user, const char *stage, uint64_t done, uint64_t total);

/* Print lines with their level's letter in front, to stderr and to the file of verbose_file. */
void ork_py_print(ork_py_model *self, char letter, const char *text);

/* Around every call that takes long. The bar appears only on a terminal, and only if wanted. */
void ork_py_progress_start(ork_py_model *self, bool with_bar);
void ork_py_progress_end(ork_py_model *self);

/* ---- the methods of Model, one group a file -------------------------------------------- */

/* config(values, extra): both dictionaries; values holds the keys of RKNN-Toolkit 1.x. */
PyObject *ork_py_config(ork_py_model *self, PyObject *args);
/* Fails again when the last config was refused, so that nothing is built with half of it. */
bool ork_py_config_check(ork_py_model *self, const char *call);

/* check(target): what a chip will not take, a dictionary. */
PyObject *ork_py_check(ork_py_model *self, PyObject *args);
/* eval_perf(details, statistics): how long the chip takes, a dictionary; statistics: a file to
   write operators and their sums to, or None. */
PyObject *ork_py_eval_perf(ork_py_model *self, PyObject *args);

/* eval_memory(with_session): how much memory the chip takes, and the session here; a dictionary. */
PyObject *ork_py_eval_memory(ork_py_model *self, PyObject *args);
/* Of files: export_quant_params(model, only_io), export_sync(input, uids, output or None),
   target_platforms(model or None). */
PyObject *ork_py_export_quant_params(ork_py_model *self, PyObject *args);
PyObject *ork_py_export_sync(ork_py_model *self, PyObject *args);
PyObject *ork_py_target_platforms(ork_py_model *self, PyObject *args);

/* accuracy_analysis(inputs, output_dir, calc_qnt_error, target, dump_file_type), evaluate(...) */
PyObject *ork_py_accuracy_analysis(ork_py_model *self, PyObject *args);
PyObject *ork_py_evaluate(ork_py_model *self, PyObject *args);

/* Texts are UTF-8, except that a path inside may be anything. */
PyObject *ork_py_text(const char *text);
/* Steals the value, which may be NULL. */
bool ork_py_put(PyObject *dict, const char *key, PyObject *value);
/* The bytes object of a path, which may be a str or a pathlib.Path. `place` names the argument. */
PyObject *ork_py_path(ork_py_model *self, PyObject *object, const char *place);
/* False with the error set when there is nothing that could run. */
bool ork_py_check_built(ork_py_model *self, const char *call);

/* inference(inputs, data_type, data_format, inputs_pass_through) */
PyObject *ork_py_inference(ork_py_model *self, PyObject *args);

/* not_yet(call): fails with what this release lacks. */
PyObject *ork_py_not_yet(ork_py_model *self, PyObject *args);
PyObject *ork_py_fail_not_yet(ork_py_model *self, const char *call);

/* The order in which RKNN's methods are called, for texts. */
extern const char ork_py_call_order[];

extern PyType_Spec ork_py_model_spec;

#endif
