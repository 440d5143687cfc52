/* SPDX-License-Identifier: Apache-2.0 */
/* What RKNN-Toolkit 1.x has and this release has not: one row a call. */
#include "ext.h"

#include <string.h>

typedef struct not_yet_row {
    const char *call, *what, *fix; /* fix NULL: the one of the error table */
} not_yet_row;

#define TRACE "export the network with torch.jit.trace and load it with load_pytorch()"

static const not_yet_row rows[] = {
    {"load_caffe", "Caffe models cannot be loaded yet", TRACE},
    {"load_darknet", "Darknet models cannot be loaded yet", TRACE},
    {"load_keras", "Keras models cannot be loaded yet", TRACE},
    {"load_mxnet", "MXNet models cannot be loaded yet", TRACE},
    {"load_tensorflow", "TensorFlow models cannot be loaded yet", TRACE},
    {"load_tflite", "TensorFlow Lite models cannot be loaded yet", TRACE},
    {"load_model_in_npu", "models that lie on a board cannot be used yet",
     "load the .rknn file itself: load_rknn(path)"},
    {"load_firmware", "the firmware of boards cannot be written yet", NULL},
    {"get_frame_id", "inference() cannot return frame ids yet: there is no asynchronous mode",
     "call inference() without get_frame_id"},
    {"pre_compile", "pre_compile=True is not there yet for the files of hybrid quantization",
     "leave it out, and call export_rknn_precompile_model()"},
    {"accuracy_analysis", "layers cannot be analyzed on a board yet",
     "leave target out; ork compare holds a board's layers against the simulator's"},
    {"export_encrypted_rknn_model", "models cannot be encrypted yet", NULL},
    {"register_op", "custom operators cannot be registered yet", NULL},
    {"fetch_rknn_model_config", "the configuration inside a .rknn file cannot be read back yet",
     NULL},
};

PyObject *ork_py_fail_not_yet(ork_py_model *self, const char *call)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (!strcmp(rows[i].call, call))
            return ork_py_fail(self->state, ORK_PY_NOT_YET, call, NULL, rows[i].fix, "%s",
                               rows[i].what);
    }
    return PyErr_Format(PyExc_KeyError, "%s has no row in not_yet.c", call);
}

PyObject *ork_py_not_yet(ork_py_model *self, PyObject *args)
{
    const char *call;
    return PyArg_ParseTuple(args, "s:not_yet", &call) ? ork_py_fail_not_yet(self, call) : NULL;
}
