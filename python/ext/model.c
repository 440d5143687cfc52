/* SPDX-License-Identifier: Apache-2.0 */
/* The type Model: loading, building, exporting, and the guard around every method. */
#include "ext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char ork_py_call_order[] =
    "the order of calls is config, load_pytorch (or load_rknn), build, "
    "export_rknn, init_runtime, inference, release";

typedef PyObject *(*method_fn)(ork_py_model *self, PyObject *args);

/* ---- one thread at a time -------------------------------------------------------------- */

static bool is_open(ork_py_model *self)
{
    if (self->model)
        return true;
    ork_py_fail(self->state, ORK_PY_CALL_ORDER, NULL, ork_py_call_order,
                "create a new object: rknn = RKNN()", "the object was released");
    return false;
}

/* Waits for a thread that works on the same object. A signal handler that calls back into the
   object it interrupted would wait for itself, and gets an error instead. */
static bool enter(ork_py_model *self)
{
    if (!PyThread_acquire_lock(self->lock, NOWAIT_LOCK)) {
        if (self->owner == PyThread_get_thread_ident()) {
            ork_py_fail(self->state, ORK_PY_CALL_ORDER, NULL, NULL,
                        "wait until the running call has returned",
                        "the object is in the middle of another call");
            return false;
        }
        Py_BEGIN_ALLOW_THREADS;
        PyThread_acquire_lock(self->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS;
    }
    self->owner = PyThread_get_thread_ident();
    return true;
}

static void leave(ork_py_model *self)
{
    self->owner = 0;
    PyThread_release_lock(self->lock);
}

static PyObject *guarded(PyObject *object, PyObject *args, method_fn method)
{
    ork_py_model *self = (ork_py_model *)object;
    if (!enter(self))
        return NULL;
    PyObject *result = is_open(self) ? method(self, args) : NULL;
    leave(self);
    return result;
}

/* ---- arguments ------------------------------------------------------------------------- */

PyObject *ork_py_path(ork_py_model *self, PyObject *object, const char *place)
{
    PyObject *bytes = NULL;
    if (PyUnicode_FSConverter(object, &bytes))
        return bytes;
    PyErr_Clear();
    return ork_py_fail(self->state, ORK_PY_USAGE, place, NULL, "give the path of a file as text",
                       "%s is no path but %.60s", place, Py_TYPE(object)->tp_name);
}

static bool fail_size(ork_py_model *self)
{
    PyErr_Clear();
    ork_py_fail(self->state, ORK_PY_INPUT_SIZE, "input_size_list=...", NULL,
                "write it as [[3, 416, 416]]: channels, height and width of each input",
                "input_size_list must be a list of sizes, one for each input");
    return false;
}

static bool read_size(ork_py_model *self, PyObject *object, ork_input_size *size)
{
    enum { MAX_RANK = sizeof(size->dims) / sizeof(*size->dims) };
    PyObject *dims = PyUnicode_Check(object) ? NULL : PySequence_Tuple(object);
    if (!dims)
        return fail_size(self);
    Py_ssize_t rank = PyTuple_GET_SIZE(dims);
    bool ok = rank <= MAX_RANK;
    for (Py_ssize_t i = 0; ok && i < rank; i++) {
        PyObject *number = PyNumber_Index(PyTuple_GET_ITEM(dims, i));
        size->dims[i] = number ? PyLong_AsLongLong(number) : -1;
        Py_XDECREF(number);
        ok = !PyErr_Occurred();
    }
    size->rank = (int)rank;
    Py_DECREF(dims);
    return ok || fail_size(self);
}

/* A flat list, [3, 416, 416], means one input. */
static bool is_flat(PyObject *sizes)
{
    return PyTuple_GET_SIZE(sizes) && PyIndex_Check(PyTuple_GET_ITEM(sizes, 0));
}

static ork_input_size *read_sizes(ork_py_model *self, PyObject *object, int *count)
{
    PyObject *sizes = object == Py_None         ? PyTuple_New(0)
                      : PyUnicode_Check(object) ? NULL
                                                : PySequence_Tuple(object);
    if (!sizes) {
        fail_size(self);
        return NULL;
    }
    bool flat = is_flat(sizes);
    Py_ssize_t wanted = flat ? 1 : PyTuple_GET_SIZE(sizes);
    ork_input_size *read =
        wanted < INT_MAX ? PyMem_Calloc((size_t)wanted + 1, sizeof(*read)) : NULL;
    bool ok = read != NULL;
    for (Py_ssize_t i = 0; ok && i < wanted; i++)
        ok = read_size(self, flat ? sizes : PyTuple_GET_ITEM(sizes, i), &read[i]);
    Py_DECREF(sizes);
    *count = (int)wanted;
    if (ok)
        return read;
    PyMem_Free(read);
    return PyErr_Occurred() ? NULL : (ork_input_size *)PyErr_NoMemory();
}

/* ---- work, with the GIL released ------------------------------------------------------- */

typedef struct model_job {
    bool (*function)(ork_py_model *self, const struct model_job *job);
    const char *path; /* a model to load or to write */
    const char *data, *configuration;
    ork_load_options load;
    ork_build_options build;
} model_job;

/* Old scripts pass names that mean nothing here: they must go on working. */
static bool work_load_pytorch(ork_py_model *self, const model_job *job)
{
    ork_load_options options = job->load;
    if (ork_model_load_pytorch(self->model, job->path, &options))
        return true;
    if (strcmp(ork_model_error(self->model)->id, "E0211") != 0)
        return false;
    options.output_count = 0;
    if (!ork_model_load_pytorch(self->model, job->path, &options))
        return false;
    ork_py_on_log(self, ORK_LOG_WARNING,
                  "load_pytorch(outputs=...) has no effect: the network has no tensors of these "
                  "names; `ork info --graph` lists them");
    return true;
}

static bool work_load_onnx(ork_py_model *self, const model_job *job)
{
    return ork_model_load_onnx(self->model, job->path, &job->load);
}

static bool work_load_rknn(ork_py_model *self, const model_job *job)
{
    return ork_model_load_rknn(self->model, job->path);
}

static bool work_build(ork_py_model *self, const model_job *job)
{
    return ork_model_build(self->model, &job->build);
}

static bool work_export(ork_py_model *self, const model_job *job)
{
    return ork_model_export(self->model, job->path);
}

static bool work_export_precompiled(ork_py_model *self, const model_job *job)
{
    return ork_model_export_precompiled(self->model, job->path);
}

static bool do_work(ork_py_model *self, const model_job *job)
{
    bool ok;
    ork_py_progress_start(self, true);
    Py_BEGIN_ALLOW_THREADS;
    ok = job->function(self, job);
    Py_END_ALLOW_THREADS;
    ork_py_progress_end(self);
    /* A handler may have raised although the work then came to its end. */
    if (!ok || self->signal_type)
        ork_py_fail_from(self, ork_model_error(self->model));
    return !PyErr_Occurred();
}

/* Sessions are made of the model as it was. */
static void end_session(ork_py_model *self)
{
    ork_session_free(self->session);
    self->session = NULL;
}

static PyObject *load(ork_py_model *self, const model_job *job, ork_py_stage stage)
{
    end_session(self);
    self->stage = ORK_PY_EMPTY;
    if (!do_work(self, job))
        return NULL;
    self->stage = stage;
    Py_RETURN_NONE;
}

/* The texts of a sequence, which stays alive in *owner. */
static bool read_names(ork_py_model *self, PyObject *object, const char *place, PyObject **owner,
                       const char ***names, int *count)
{
    *owner = object == Py_None         ? PyTuple_New(0)
             : PyUnicode_Check(object) ? PyTuple_Pack(1, object)
                                       : PySequence_Tuple(object);
    Py_ssize_t wanted = *owner ? PyTuple_GET_SIZE(*owner) : -1;
    *names =
        wanted >= 0 && wanted < INT_MAX ? PyMem_Calloc((size_t)wanted + 1, sizeof(**names)) : NULL;
    bool ok = *names != NULL;
    for (*count = 0; ok && *count < wanted; ++*count)
        ok = ((*names)[*count] = PyUnicode_AsUTF8(PyTuple_GET_ITEM(*owner, *count))) != NULL;
    if (ok)
        return true;
    PyErr_Clear();
    ork_py_fail(self->state, ORK_PY_USAGE, place, NULL, "write it as ['first', 'second']",
                "%s must be a list of names of tensors", place);
    return false;
}

/* place: of the model among the arguments, for messages. */
static PyObject *load_network(ork_py_model *self, PyObject *model, PyObject *size_list,
                              PyObject *inputs, PyObject *outputs, const char *place,
                              bool (*function)(ork_py_model *, const model_job *))
{
    model_job what = {.function = function, .load = ORK_OPTIONS_INIT(ork_load_options)};
    PyObject *input_owner = NULL, *output_owner = NULL, *path = NULL, *result = NULL;
    const char **input_names = NULL, **output_names = NULL;
    ork_input_size *sizes = read_sizes(self, size_list, &what.load.input_size_count);
    if (sizes &&
        read_names(self, inputs, "inputs", &input_owner, &input_names, &what.load.input_count) &&
        read_names(self, outputs, "outputs", &output_owner, &output_names, &what.load.output_count))
        path = ork_py_path(self, model, place);
    if (path) {
        what.path = PyBytes_AS_STRING(path);
        what.load.input_sizes = sizes;
        what.load.inputs = input_names;
        what.load.outputs = output_names;
        result = load(self, &what, ORK_PY_LOADED);
    }
    PyMem_Free(sizes);
    PyMem_Free(input_names);
    PyMem_Free(output_names);
    Py_XDECREF(input_owner);
    Py_XDECREF(output_owner);
    Py_XDECREF(path);
    return result;
}

/* load_pytorch(model, input_size_list, outputs) */
static PyObject *load_pytorch(ork_py_model *self, PyObject *args)
{
    PyObject *model, *size_list, *outputs;
    if (!PyArg_ParseTuple(args, "OOO:load_pytorch", &model, &size_list, &outputs) ||
        !ork_py_config_check(self, "load_pytorch"))
        return NULL;
    return load_network(self, model, size_list, Py_None, outputs, "load_pytorch(model=...)",
                        work_load_pytorch);
}

/* load_onnx(model, inputs, input_size_list, outputs) */
static PyObject *load_onnx(ork_py_model *self, PyObject *args)
{
    PyObject *model, *inputs, *size_list, *outputs;
    if (!PyArg_ParseTuple(args, "OOOO:load_onnx", &model, &inputs, &size_list, &outputs) ||
        !ork_py_config_check(self, "load_onnx"))
        return NULL;
    return load_network(self, model, size_list, inputs, outputs, "load_onnx(model=...)",
                        work_load_onnx);
}

/* load_rknn(path) */
static PyObject *load_rknn(ork_py_model *self, PyObject *args)
{
    PyObject *object;
    if (!PyArg_ParseTuple(args, "O:load_rknn", &object))
        return NULL;
    PyObject *path = ork_py_path(self, object, "load_rknn(path=...)");
    if (!path)
        return NULL;
    PyObject *result =
        load(self, &(model_job){.function = work_load_rknn, .path = PyBytes_AS_STRING(path)},
             ORK_PY_LOADED_RKNN);
    Py_DECREF(path);
    return result;
}

static bool check_buildable(ork_py_model *self)
{
    if (self->stage != ORK_PY_EMPTY)
        return ork_py_config_check(self, "build");
    ork_py_fail(self->state, ORK_PY_CALL_ORDER, "build()", ork_py_call_order,
                "call load_pytorch() first, and check that it returns 0",
                "build() needs a network, and none is loaded");
    return false;
}

/* build(do_quantization, dataset, pre_compile, rknn_batch_size, auto_hybrid) */
static PyObject *build(ork_py_model *self, PyObject *args)
{
    int quantize, pre_compile, batch, auto_hybrid;
    PyObject *dataset;
    if (!PyArg_ParseTuple(args, "pOpip:build", &quantize, &dataset, &pre_compile, &batch,
                          &auto_hybrid) ||
        !check_buildable(self))
        return NULL;
    PyObject *path = NULL;
    if (dataset != Py_None && !(path = ork_py_path(self, dataset, "build(dataset=...)")))
        return NULL;
    model_job what = {.function = work_build, .build = ORK_OPTIONS_INIT(ork_build_options)};
    what.build.do_quantization = quantize;
    what.build.dataset = path ? PyBytes_AS_STRING(path) : NULL;
    what.build.pre_compile = pre_compile;
    what.build.auto_hybrid = auto_hybrid;
    what.build.rknn_batch_size = batch < 0 ? 0 : batch; /* -1: the default of early releases */
    end_session(self);
    bool ok = do_work(self, &what);
    Py_XDECREF(path);
    if (!ok)
        return NULL;
    self->stage = ORK_PY_BUILT;
    Py_RETURN_NONE;
}

static bool work_prepare_hybrid(ork_py_model *self, const model_job *job)
{
    return ork_model_hybrid_prepare(self->model, job->build.dataset, NULL);
}

static bool work_build_hybrid(ork_py_model *self, const model_job *job)
{
    return ork_model_hybrid_build(self->model, job->path, job->data, job->configuration);
}

/* prepare_hybrid(dataset): files of the network's name in the working folder. */
static PyObject *prepare_hybrid(ork_py_model *self, PyObject *args)
{
    PyObject *dataset, *list = NULL;
    if (!PyArg_ParseTuple(args, "O:prepare_hybrid", &dataset) || !check_buildable(self))
        return NULL;
    if (dataset != Py_None &&
        !(list = ork_py_path(self, dataset, "hybrid_quantization_step1(dataset=...)")))
        return NULL;
    model_job what = {.function = work_prepare_hybrid,
                      .build = ORK_OPTIONS_INIT(ork_build_options)};
    what.build.dataset = list ? PyBytes_AS_STRING(list) : NULL;
    const bool ok = do_work(self, &what);
    Py_XDECREF(list);
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

/* build_hybrid(call, model_input, data_input, model_quantization_cfg); the last may be None */
static PyObject *build_hybrid(ork_py_model *self, PyObject *args)
{
    static const char *const places[] = {"model_input", "data_input", "the configuration"};
    const char *call;
    PyObject *objects[3], *paths[3] = {NULL};
    if (!PyArg_ParseTuple(args, "sOOO:build_hybrid", &call, &objects[0], &objects[1],
                          &objects[2]) ||
        !ork_py_config_check(self, call))
        return NULL;
    const int count = objects[2] == Py_None ? 2 : 3;
    bool ok = true;
    for (int i = 0; ok && i < count; i++)
        ok = (paths[i] = ork_py_path(self, objects[i], places[i])) != NULL;
    end_session(self);
    self->stage = ORK_PY_EMPTY;
    ok = ok && do_work(self, &(model_job){.function = work_build_hybrid,
                                          .path = PyBytes_AS_STRING(paths[0]),
                                          .data = PyBytes_AS_STRING(paths[1]),
                                          .configuration =
                                              paths[2] ? PyBytes_AS_STRING(paths[2]) : NULL});
    for (int i = 0; i < 3; i++)
        Py_XDECREF(paths[i]);
    if (!ok)
        return NULL;
    self->stage = ORK_PY_BUILT;
    Py_RETURN_NONE;
}

bool ork_py_check_built(ork_py_model *self, const char *call)
{
    if (self->stage == ORK_PY_BUILT || self->stage == ORK_PY_LOADED_RKNN)
        return true;
    bool loaded = self->stage == ORK_PY_LOADED;
    ork_py_fail(self->state, ORK_PY_CALL_ORDER, call, ork_py_call_order,
                loaded ? "call build() first, and check that it returns 0"
                       : "call load_pytorch() and build(), or load_rknn(), and check that they "
                         "return 0",
                "%s needs a built model, and %s", call,
                loaded ? "build() was not called or has failed" : "no model is loaded");
    return false;
}

static PyObject *export_by(ork_py_model *self, PyObject *args, const char *call,
                           bool (*function)(ork_py_model *, const model_job *))
{
    PyObject *object;
    if (!PyArg_ParseTuple(args, "O:export", &object) || !ork_py_check_built(self, call))
        return NULL;
    PyObject *path = ork_py_path(self, object, call);
    if (!path)
        return NULL;
    bool ok = do_work(self, &(model_job){.function = function, .path = PyBytes_AS_STRING(path)});
    Py_DECREF(path);
    if (!ok)
        return NULL;
    Py_RETURN_NONE;
}

/* export_rknn(export_path) */
static PyObject *export_rknn(ork_py_model *self, PyObject *args)
{
    return export_by(self, args, "export_rknn()", work_export);
}

/* export_precompiled(export_path) */
static PyObject *export_precompiled(ork_py_model *self, PyObject *args)
{
    return export_by(self, args, "export_rknn_precompile_model()", work_export_precompiled);
}

/* ---- runtime --------------------------------------------------------------------------- */

/* The text of an argument that may be None, which is NULL; false with the error set. */
static bool read_word(ork_py_model *self, PyObject *object, const char *place, const char **word)
{
    *word = NULL;
    if (object == Py_None)
        return true;
    *word = PyUnicode_Check(object) ? PyUnicode_AsUTF8(object) : NULL;
    if (*word)
        return true;
    PyErr_Clear();
    ork_py_fail(self->state, ORK_PY_USAGE, place, NULL, "give a text, or leave it out",
                "%s is a %.60s", place, Py_TYPE(object)->tp_name);
    return false;
}

/* init_runtime(target, device_id): without both the simulator, as is its name in later generations.
 */
static PyObject *init_runtime(ork_py_model *self, PyObject *args)
{
    PyObject *target, *device_id;
    ork_session_options options = ORK_OPTIONS_INIT(ork_session_options);
    if (!PyArg_ParseTuple(args, "OO:init_runtime", &target, &device_id) ||
        !read_word(self, target, "target", &options.target) ||
        !read_word(self, device_id, "device_id", &options.device_id) ||
        !ork_py_check_built(self, "init_runtime()"))
        return NULL;
    end_session(self);
    ork_session *session;
    ork_py_progress_start(self, false);
    Py_BEGIN_ALLOW_THREADS;
    session = ork_session_new(self->model, &options);
    Py_END_ALLOW_THREADS;
    ork_py_progress_end(self);
    self->session = session;
    if (!session || self->signal_type)
        return ork_py_fail_from(self, ork_model_error(self->model));
    Py_RETURN_NONE;
}

/* list_devices(): the ids of the boards that adb can use. */
static PyObject *list_devices(ork_py_model *self, PyObject *args)
{
    ork_device_list *list;
    if (!PyArg_ParseTuple(args, ":list_devices"))
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    list = ork_devices_find(self->model);
    Py_END_ALLOW_THREADS;
    if (!list)
        return ork_py_fail_from(self, ork_model_error(self->model));
    PyObject *ids = PyList_New(0);
    for (int i = 0; ids && i < ork_devices_count(list); i++) {
        const ork_device *device = ork_devices_at(list, i);
        if (*device->error) {
            ork_py_log(self, ORK_LOG_WARNING, "%s: %s; %s", device->id, device->problem,
                       device->fix);
            continue;
        }
        PyObject *id = ork_py_text(device->id);
        if (!id || PyList_Append(ids, id) < 0)
            Py_CLEAR(ids);
        Py_XDECREF(id);
    }
    ork_devices_free(list);
    return ids;
}

static PyObject *get_sdk_version(ork_py_model *self, PyObject *args)
{
    if (!PyArg_ParseTuple(args, ":get_sdk_version"))
        return NULL;
    if (!self->session)
        return ork_py_fail(self->state, ORK_PY_CALL_ORDER, "get_sdk_version()", ork_py_call_order,
                           "call init_runtime() first, and check that it returns 0",
                           "get_sdk_version() needs init_runtime()");
    ork_board_details board;
    const bool there = ork_session_board(self->session, &board);
    return PyUnicode_FromFormat("==============================================\n"
                                "RKNN VERSION:\n"
                                "  API: %s (OpenRKNN)\n"
                                "  DRV: %s (OpenRKNN %s)\n"
                                "==============================================\n",
                                ork_version(), there ? board.version : ork_version(),
                                there ? board.id : "simulator");
}

/* ---- log ------------------------------------------------------------------------------- */

/* log_to(path): lines go there too. */
static PyObject *log_to(ork_py_model *self, PyObject *args)
{
    PyObject *object;
    if (!PyArg_ParseTuple(args, "O:log_to", &object))
        return NULL;
    PyObject *path = ork_py_path(self, object, "RKNN(verbose_file=...)");
    if (!path)
        return NULL;
    FILE *file = fopen(PyBytes_AS_STRING(path), "we");
    PyObject *result = NULL;
    if (!file) {
        ork_py_fail(self->state, ORK_PY_FILE_WRITE, PyBytes_AS_STRING(path), strerror(errno), NULL,
                    "the log file of verbose_file cannot be written");
    } else {
        if (self->log_file)
            fclose(self->log_file);
        self->log_file = file;
        result = ork_py_ref(Py_None);
    }
    Py_DECREF(path);
    return result;
}

/* print(letter, text): a line of the log for what the Python side has to say. Works after release,
   so that using a released object can be reported. */
static PyObject *method_print(PyObject *object, PyObject *args)
{
    int letter;
    const char *text;
    if (!PyArg_ParseTuple(args, "Cs:print", &letter, &text))
        return NULL;
    ork_py_print((ork_py_model *)object, (char)letter, text);
    Py_RETURN_NONE;
}

/* ---- the type -------------------------------------------------------------------------- */

static void close_all(ork_py_model *self)
{
    end_session(self);
    ork_model_free(self->model);
    self->model = NULL;
    free(self->config_failure);
    self->config_failure = NULL;
    if (self->log_file)
        fclose(self->log_file);
    self->log_file = NULL;
}

static PyObject *method_release(PyObject *object, PyObject *args)
{
    (void)args;
    ork_py_model *self = (ork_py_model *)object;
    if (!enter(self))
        return NULL;
    close_all(self);
    leave(self);
    Py_RETURN_NONE;
}

/* Model(verbose) */
static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    int verbose;
    if (kwargs && PyDict_GET_SIZE(kwargs))
        return PyErr_Format(PyExc_TypeError, "Model takes no keywords");
    if (!PyArg_ParseTuple(args, "p:Model", &verbose))
        return NULL;
    ork_py_model *self = (ork_py_model *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->state = PyType_GetModuleState(type);
    self->verbose = verbose;
    self->lock = PyThread_allocate_lock();
    self->model = ork_model_new();
    if (!self->lock || !self->model) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    ork_model_set_log(self->model, ork_py_on_log, self, verbose ? ORK_LOG_DEBUG : ORK_LOG_WARNING);
    ork_model_set_progress(self->model, ork_py_on_progress, self);
    return (PyObject *)self;
}

static void model_dealloc(PyObject *object)
{
    ork_py_model *self = (ork_py_model *)object;
    PyTypeObject *type = Py_TYPE(object);
    close_all(self);
    Py_XDECREF(self->signal_type);
    Py_XDECREF(self->signal_value);
    Py_XDECREF(self->signal_trace);
    if (self->lock)
        PyThread_free_lock(self->lock);
    type->tp_free(object);
    Py_DECREF(type);
}

#define METHOD(name, function)                                                                     \
    static PyObject *method_##name(PyObject *self, PyObject *args)                                 \
    {                                                                                              \
        return guarded(self, args, function);                                                      \
    }
METHOD(config, ork_py_config)
METHOD(load_pytorch, load_pytorch)
METHOD(load_onnx, load_onnx)
METHOD(load_rknn, load_rknn)
METHOD(check, ork_py_check)
METHOD(eval_perf, ork_py_eval_perf)
METHOD(eval_memory, ork_py_eval_memory)
METHOD(export_quant_params, ork_py_export_quant_params)
METHOD(export_sync, ork_py_export_sync)
METHOD(target_platforms, ork_py_target_platforms)
METHOD(accuracy_analysis, ork_py_accuracy_analysis)
METHOD(evaluate, ork_py_evaluate)
METHOD(build, build)
METHOD(prepare_hybrid, prepare_hybrid)
METHOD(build_hybrid, build_hybrid)
METHOD(export_rknn, export_rknn)
METHOD(export_precompiled, export_precompiled)
METHOD(init_runtime, init_runtime)
METHOD(inference, ork_py_inference)
METHOD(list_devices, list_devices)
METHOD(get_sdk_version, get_sdk_version)
METHOD(log_to, log_to)
METHOD(not_yet, ork_py_not_yet)

#define ROW(name)                                                                                  \
    {                                                                                              \
        #name, method_##name, METH_VARARGS, NULL                                                   \
    }
static PyMethodDef model_methods[] = {
    ROW(config),
    ROW(load_pytorch),
    ROW(load_onnx),
    ROW(load_rknn),
    ROW(check),
    ROW(eval_perf),
    ROW(export_precompiled),
    ROW(eval_memory),
    ROW(export_quant_params),
    ROW(export_sync),
    ROW(target_platforms),
    ROW(build),
    ROW(export_rknn),
    ROW(init_runtime),
    ROW(inference),
    ROW(get_sdk_version),
    ROW(prepare_hybrid),
    ROW(build_hybrid),
    ROW(accuracy_analysis),
    ROW(evaluate),
    ROW(log_to),
    ROW(not_yet),
    ROW(print),
    ROW(release),
    ROW(list_devices),
    {0},
};

static PyType_Slot model_slots[] = {
    {Py_tp_new, __extension__(void *) model_new},
    {Py_tp_dealloc, __extension__(void *) model_dealloc},
    {Py_tp_methods, model_methods},
    {0, NULL},
};

PyType_Spec ork_py_model_spec = {
    .name = "rknn._openrknn.Model",
    .basicsize = sizeof(ork_py_model),
    .flags = Py_TPFLAGS_DEFAULT, /* no base type: PyType_GetModuleState relies on it */
    .slots = model_slots,
};
