/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `ork` share. The program knows the library only by its public interface. */
#ifndef ORK_CLI_H
#define ORK_CLI_H

#include <openrknn/openrknn.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ORK_CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define ORK_CLI_COUNT(array)        (sizeof(array) / sizeof((array)[0]))

/* ---- memory and text ------------------------------------------------------------------- */

/* Zeroed memory that lives until ork_cli_free_all, at the end of the program. Never NULL. */
void *ork_cli_alloc(size_t size);
char *ork_cli_format(const char *format, ...) ORK_CLI_PRINTF(1, 2);
void ork_cli_free_all(void);

/* A list of texts that grows; items[count] is NULL. */
typedef struct ork_cli_list {
    const char **items;
    int count;
} ork_cli_list;
void ork_cli_list_add(ork_cli_list *list, const char *text);
/* Adds the lines of a text: without their ends, a byte order mark at the start left out. */
void ork_cli_list_add_lines(ork_cli_list *list, FILE *file);

/* The name most like `text`, or NULL when none is close; names end with NULL. */
const char *ork_cli_nearest(const char *text, const char *const *names);

bool ork_cli_ends_with(const char *text, const char *end); /* letters of either case */
const char *ork_cli_base_name(const char *path);
/* "shot.jpg", ".png" -> "shot.png" */
char *ork_cli_with_extension(const char *name, const char *extension);
double ork_cli_seconds(void);

/* ---- options --------------------------------------------------------------------------- */

typedef enum ork_cli_kind {
    ORK_CLI_FLAG,    /* bool */
    ORK_CLI_COUNTER, /* int: how often it was given */
    ORK_CLI_TEXT,    /* const char * */
    ORK_CLI_INT,     /* int */
    ORK_CLI_NUMBER,  /* double */
    ORK_CLI_LIST,    /* ork_cli_list; may be given again */
    ORK_CLI_CHOICE,  /* int: index into value, "a|b|c" */
} ork_cli_kind;

/* One row serves the parser, --help and completion. Tables end with an empty row. */
typedef struct ork_cli_option {
    const char *name; /* without dashes */
    char letter;      /* or 0 */
    ork_cli_kind kind;
    const char *value; /* what stands for the value in the help: "FILE" */
    const char *help;
    size_t offset;    /* of the field in the verb's values */
    double low, high; /* of INT and NUMBER, both inside; both 0: any */
} ork_cli_option;

enum { ORK_CLI_VALUES_SIZE = 512 };

struct ork_cli;
typedef int (*ork_cli_run_fn)(struct ork_cli *cli);

typedef struct ork_cli_verb {
    const char *name, *arguments;
    int fewest, most; /* arguments; most -1: any number */
    const char *summary, *text, *examples;
    const ork_cli_option *options;
    ork_cli_run_fn run; /* returns the exit code */
} ork_cli_verb;

/* Ends with an empty row. */
extern const ork_cli_verb ork_cli_verbs[];
extern const ork_cli_option ork_cli_common_options[];
const ork_cli_verb *ork_cli_find_verb(const char *name); /* or NULL */

#define ORK_VERB(name, arguments, fewest, most, summary, text, examples)                           \
    extern const ork_cli_option ork_cli_##name##_options[];                                        \
    int ork_cli_##name(struct ork_cli *cli);
#include "verbs.def"
#undef ORK_VERB

/* A run of the program. */
typedef struct ork_cli {
    const ork_cli_verb *verb;
    ork_cli_list arguments; /* what is left beside options */
    void *values;           /* the verb's own structure of options */
    bool json, quiet, help, version;
    int verbose, colour_choice, progress_choice, threads;
    bool colour, bar;    /* may be shown on stderr */
    bool progress_lines; /* a line of JSON for each step there, for other programs */
} ork_cli;

/* Reads the options after the verb; 0, or the exit code of a failure that has been printed. */
int ork_cli_parse(ork_cli *cli, int argc, char **argv);

/* ---- what the user sees ---------------------------------------------------------------- */

/* Prints an error, as JSON where that was asked for, and returns its exit code. */
int ork_cli_report(ork_cli *cli, const ork_error *error);
/* An error of the program itself; texts may be NULL: the fix is then the error's own. */
int ork_cli_fail(ork_cli *cli, const char *id, const char *where, const char *why, const char *fix,
                 const char *what, ...) ORK_CLI_PRINTF(6, 7);
void ork_cli_warn(ork_cli *cli, const char *format, ...) ORK_CLI_PRINTF(2, 3);
/* A line for people on stdout; nothing with --json or --quiet. */
void ork_cli_say(ork_cli *cli, const char *format, ...) ORK_CLI_PRINTF(2, 3);
/* "1.4 MB" */
char *ork_cli_bytes(size_t bytes);

/* Callbacks for ork_model_set_log and ork_model_set_progress; user is the ork_cli. */
void ork_cli_log(void *user, ork_log_level level, const char *text);
bool ork_cli_progress(void *user, const char *stage, uint64_t done, uint64_t total);
void ork_cli_clear_bar(ork_cli *cli);

/* Ctrl-C was pressed: long work ends soon. */
bool ork_cli_interrupted(void);
void ork_cli_catch_interrupt(void);
int ork_cli_cancelled(ork_cli *cli); /* prints the error, returns its exit code */

enum { ORK_CLI_LAST_EXIT_CODE = 130 };
const char *ork_cli_exit_meaning(int code); /* NULL: there is no such code */
void ork_cli_print_manual(void);            /* for man */
void ork_cli_print_help(const ork_cli_verb *verb);
void ork_cli_print_overview(FILE *to);

/* ---- JSON ------------------------------------------------------------------------------ */

/* Writes one document. Keys are NULL inside arrays. */
typedef struct ork_cli_json {
    char *text;
    size_t length, capacity;
    int depth;
    bool comma;
} ork_cli_json;

/* Opens the object that every document is, with its schema_version and the verb. */
void ork_cli_json_start(ork_cli_json *json, const ork_cli *cli);
void ork_cli_json_open(ork_cli_json *json, const char *key, char bracket); /* '{' or '[' */
void ork_cli_json_close(ork_cli_json *json, char bracket);                 /* '}' or ']' */
void ork_cli_json_text(ork_cli_json *json, const char *key, const char *text);
void ork_cli_json_number(ork_cli_json *json, const char *key, double number);
void ork_cli_json_bool(ork_cli_json *json, const char *key, bool value);
void ork_cli_json_dims(ork_cli_json *json, const char *key, const int64_t *dims, int rank);
/* Closes the document and writes it; frees the text. False when writing failed. */
bool ork_cli_json_end(ork_cli_json *json, FILE *to);
void ork_cli_json_drop(ork_cli_json *json);
/* Takes over what another holds, which is closed but not ended, as a member. */
void ork_cli_json_splice(ork_cli_json *json, const char *key, ork_cli_json *other);

/* ---- models ---------------------------------------------------------------------------- */

/* Options of all verbs that load a model: the first field of their values. */
typedef struct ork_cli_model_values {
    ork_cli_list input_sizes, inputs, outputs, config;
    const char *mean, *std, *reorder;
} ork_cli_model_values;

#define ORK_CLI_MODEL_OPTIONS                                                                      \
    {"input-size",                                                                                 \
     's',                                                                                          \
     ORK_CLI_LIST,                                                                                 \
     "CxHxW",                                                                                      \
     "size of an input, where the file does not tell",                                             \
     offsetof(ork_cli_model_values, input_sizes),                                                  \
     0,                                                                                            \
     0},                                                                                           \
        {"input-tensor",                                                                           \
         0,                                                                                        \
         ORK_CLI_LIST,                                                                             \
         "NAME",                                                                                   \
         "take the network from this tensor on; again for more",                                   \
         offsetof(ork_cli_model_values, inputs),                                                   \
         0,                                                                                        \
         0},                                                                                       \
        {"output-tensor",                                                                          \
         0,                                                                                        \
         ORK_CLI_LIST,                                                                             \
         "NAME",                                                                                   \
         "end the network with this tensor; again for more",                                       \
         offsetof(ork_cli_model_values, outputs),                                                  \
         0,                                                                                        \
         0},                                                                                       \
        {"mean",                                                                                   \
         0,                                                                                        \
         ORK_CLI_TEXT,                                                                             \
         "NUMBERS",                                                                                \
         "subtracted from each channel: '123.675 116.28 103.53'",                                  \
         offsetof(ork_cli_model_values, mean),                                                     \
         0,                                                                                        \
         0},                                                                                       \
        {"std",                                                                                    \
         0,                                                                                        \
         ORK_CLI_TEXT,                                                                             \
         "NUMBERS",                                                                                \
         "divides each channel after that: '58.4 57.1 57.4'",                                      \
         offsetof(ork_cli_model_values, std),                                                      \
         0,                                                                                        \
         0},                                                                                       \
        {"reorder",                                                                                \
         0,                                                                                        \
         ORK_CLI_TEXT,                                                                             \
         "ORDER",                                                                                  \
         "order of channels: '2 1 0' exchanges red and blue",                                      \
         offsetof(ork_cli_model_values, reorder),                                                  \
         0,                                                                                        \
         0},                                                                                       \
    {                                                                                              \
        "config", 'c', ORK_CLI_LIST, "KEY=VALUE",                                                  \
            "any key of RKNN.config; `ork convert --help-config` lists them",                      \
            offsetof(ork_cli_model_values, config), 0, 0                                           \
    }

/* A model with logging, progress, threads and configuration set, nothing loaded. NULL, with *code
   set and the error printed, on failure. */
ork_model *ork_cli_new_model(ork_cli *cli, const ork_cli_model_values *values, int *code);
/* Loads the file; when `to_run`, a network in floats is also built. 0 or the exit code. */
int ork_cli_load(ork_cli *cli, ork_model *model, const char *path,
                 const ork_cli_model_values *values, bool to_run);
/* For verbs whose values begin with those of a model: loads the first argument as ork_cli_load
   does, and returns what `work` returns, or the exit code of the failure. */
int ork_cli_with_model(ork_cli *cli, bool to_run, int (*work)(ork_cli *cli, ork_model *model));
int ork_cli_model_failed(ork_cli *cli, ork_model *model);
bool ork_cli_config(ork_model *model, const char *key, const char *value); /* value NULL: nothing */

/* Says in a line which driver of an NPU there is here; false for none. driver NULL: the usual one.
 */
bool ork_cli_npu_line(ork_cli *cli, const char *driver);
/* What was read for one input of a network. Starts as {0}. */
typedef struct ork_cli_sample {
    ork_picture picture;
    ork_array array;
} ork_cli_sample;
/* A picture, resized to the network's input, or a .npy array. 0 or the exit code; to be freed in
   any case. The input points into the sample. */
int ork_cli_read_input(ork_cli *cli, ork_model *model, int index, const char *path,
                       ork_cli_sample *sample, ork_input *input);
void ork_cli_free_sample(ork_cli_sample *sample);

/* Options of verbs that can run a model on a board. */
typedef struct ork_cli_board_values {
    const char *device, *target;
} ork_cli_board_values;

#define ORK_CLI_BOARD_OPTIONS(values, field)                                                       \
    {"device",                                                                                     \
     0,                                                                                            \
     ORK_CLI_TEXT,                                                                                 \
     "ID",                                                                                         \
     "run on this board: an id of ork devices, or tcp:HOST:PORT",                                  \
     offsetof(values, field.device),                                                               \
     0,                                                                                            \
     0},                                                                                           \
    {                                                                                              \
        "target", 0, ORK_CLI_TEXT, "CHIP",                                                         \
            "run on a board, which must have this chip; without --device on the only one",         \
            offsetof(values, field.target), 0, 0                                                   \
    }
/* Sets threads too. */
void ork_cli_set_board(const ork_cli *cli, const ork_cli_board_values *board,
                       ork_session_options *options);

/* "1x3x416x416" */
char *ork_cli_shape(const int64_t *dims, int rank);
const char *ork_cli_dtype_name(ork_dtype dtype);
size_t ork_cli_dtype_size(ork_dtype dtype);

/* ---- files ----------------------------------------------------------------------------- */

bool ork_cli_is_folder(const char *path);
bool ork_cli_is_picture_name(const char *path);
bool ork_cli_is_video_name(const char *path);
/* Adds the pictures of a folder by name; false when it cannot be read. */
bool ork_cli_list_pictures(const char *folder, ork_cli_list *pictures);
/* What to give the library for a list of samples or a folder of pictures: the list, or a temporary
   one. 0 or the exit code; ork_cli_drop_list in any case. path may be NULL. */
int ork_cli_list_samples(ork_cli *cli, const char *path, const char **list);
void ork_cli_drop_list(const char *path, const char *list);
/* Adds the lines of a file of labels; nothing when path is NULL. An exit code, 0 when it went well.
 */
int ork_cli_read_labels(ork_cli *cli, const char *path, ork_cli_list *labels);

/* Before long work: 0, or the exit code when no such file can be written, or no files into that
   folder, which need not be there yet. Nothing is made. path may be NULL. */
int ork_cli_check_output(ork_cli *cli, const char *path, bool is_folder);
/* A text file that appears whole or not at all: it has another name until it is finished. */
FILE *ork_cli_create(const char *path, char **temporary);
bool ork_cli_finish(FILE *file, const char *path, const char *temporary, bool good);
/* Writes the text to such a file and says so; NULL fails. An exit code. */
int ork_cli_write_text(ork_cli *cli, const char *path, const char *text);
int ork_cli_make_folder(ork_cli *cli, const char *folder); /* 0 too when it is there */
/* Adds the name; false when it is in the list already. */
bool ork_cli_names_add(ork_cli_list *names, const char *name);

/* ---- child processes ------------------------------------------------------------------- */

typedef struct ork_cli_child {
    long pid;
    FILE *pipe; /* its output, or its input */
} ork_cli_child;

/* Starts a program found on the PATH, without a shell; argv ends with NULL. Its output is read from
   the pipe, or, when `writes`, its input is written to it. */
bool ork_cli_child_start(ork_cli_child *child, const char *const *argv, bool writes);
/* Closes the pipe and waits; true when the program ended with 0. `stop` ends it early. */
bool ork_cli_child_finish(ork_cli_child *child, bool stop);
bool ork_cli_program_exists(const char *name);

/* ---- processes that work together ----------------------------------------------------------- */

/* The number of this process, from 0, and how many mpirun has started: 1 without it. False when
   there are several, and the program was built without MPI. */
bool ork_cli_processes_start(int *rank, int *count);
void ork_cli_processes_end(void);
/* Gives every process the bytes of all, by number; to be freed with ork_blob_free. All must call
   it. False everywhere when one of them had none. */
bool ork_cli_processes_share(const ork_blob *own, ork_blob *all);

/* ---- frames ---------------------------------------------------------------------------- */

/* A stream of pictures: a video file or a camera. Functions that fail return false, with
 *problem set to a text, or NULL at the end of the stream. */
typedef struct ork_cli_stream ork_cli_stream;
struct ork_cli_stream {
    bool (*next)(ork_cli_stream *stream, ork_picture *picture, const char **problem);
    void (*close)(ork_cli_stream *stream);
    double rate;     /* frames in a second, 0 when not known */
    uint64_t frames; /* in all, 0 when not known */
};
/* NULL with *problem on failure. The picture that `next` fills belongs to the stream. */
ork_cli_stream *ork_cli_open_video(const char *path, const char **problem);
ork_cli_stream *ork_cli_open_camera(ork_model *model, const char *path, const char **problem);

/* Writes a video; sizes are those of the first frame. */
typedef struct ork_cli_video_writer ork_cli_video_writer;
ork_cli_video_writer *ork_cli_video_create(const char *path, const ork_picture *first, double rate,
                                           const char **problem);
bool ork_cli_video_write(ork_cli_video_writer *writer, const ork_picture *picture);
/* False when the video could not be finished; with `keep` false nothing stays behind. */
bool ork_cli_video_close(ork_cli_video_writer *writer, bool keep);

/* A window; absent (open fails) when the program was built without SDL2. */
typedef struct ork_cli_window ork_cli_window;
ork_cli_window *ork_cli_window_open(const char *title, const char **problem);
void ork_cli_window_close(ork_cli_window *window);
/* Shows the picture; waits for a key when `wait`. False when the user closed it, or pressed Esc. */
bool ork_cli_window_show(ork_cli_window *window, const ork_picture *picture, const char *title,
                         bool wait);

#endif
