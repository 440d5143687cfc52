/* SPDX-License-Identifier: Apache-2.0 */
/* The ground floor: memory, text, diagnostics, files and threads. Knows nothing of tensors. */
#ifndef ORK_BASE_H
#define ORK_BASE_H

#include <openrknn/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORK_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define ORK_COUNT(array)        (sizeof(array) / sizeof((array)[0]))

static inline size_t ork_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t ork_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- memory ---------------------------------------------------------------------------- */

/* An arena owns everything allocated from it; freeing it frees all at once. */
typedef struct ork_arena ork_arena;

ork_arena *ork_arena_new(void);
void ork_arena_free(ork_arena *arena);

/* Zeroed memory, aligned to 16 bytes. Meant for small things whose size does not come from a
   file; ends the process when the machine has no memory left. */
void *ork_arena_alloc(ork_arena *arena, size_t size);
#define ORK_NEW(arena, type)              ((type *)ork_arena_alloc((arena), sizeof(type)))
#define ORK_NEW_ARRAY(arena, type, count) ((type *)ork_arena_alloc((arena), sizeof(type) * (count)))

/* Like ork_arena_alloc, aligned to 64 bytes and not zeroed, for tensors: NULL when there is no
   memory. */
void *ork_arena_alloc_data(ork_arena *arena, size_t size);

char *ork_arena_strdup(ork_arena *arena, const char *text);
char *ork_arena_strndup(ork_arena *arena, const char *text, size_t length);
char *ork_arena_printf(ork_arena *arena, const char *format, ...) ORK_PRINTF(2, 3);
char *ork_arena_vprintf(ork_arena *arena, const char *format, va_list args) ORK_PRINTF(2, 0);

/* Bytes taken from the system so far. */
size_t ork_arena_size(const ork_arena *arena);
/* Bytes of those that have been handed out. */
size_t ork_arena_used(const ork_arena *arena);

/* 64-byte aligned memory outside of any arena, not zeroed; NULL when there is none. */
void *ork_data_alloc(size_t size);
void ork_data_free(void *data);

/* A growing array inside an arena: ORK_VEC(int) numbers = {0}; ork_vec_push(arena, &numbers, 7); */
#define ORK_VEC(type)                                                                              \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }
#define ork_vec_push(arena, vec, item)                                                             \
    (ork_vec_reserve((arena), (void **)&(vec)->items, &(vec)->capacity, (vec)->count + 1,          \
                     sizeof(*(vec)->items)),                                                       \
     (vec)->items[(vec)->count++] = (item))
void ork_vec_reserve(ork_arena *arena, void **items, size_t *capacity, size_t wanted, size_t size);

/* ---- text ------------------------------------------------------------------------------ */

/* A string that grows; `text` is always terminated. Starts as {0}; free with ork_str_free. */
typedef struct ork_str {
    char *text;
    size_t length, capacity;
} ork_str;

void ork_str_printf(ork_str *str, const char *format, ...) ORK_PRINTF(2, 3);
void ork_str_append(ork_str *str, const char *text, size_t length);
/* The same for text inside XML or HTML: what has a meaning there is escaped. */
void ork_str_append_xml(ork_str *str, const char *text);
void ork_str_free(ork_str *str);

bool ork_starts_with(const char *text, const char *prefix);
bool ork_ends_with(const char *text, const char *suffix);

/* The entry of `names` most like `text`, or NULL when none is close: for "did you mean". */
const char *ork_nearest_name(const char *text, const char *const *names, size_t count);

/* Map from text to pointer, inside an arena; keys are copied. */
typedef struct ork_map ork_map;
ork_map *ork_map_new(ork_arena *arena);
void ork_map_set(ork_map *map, const char *key, void *value);
void *ork_map_get(const ork_map *map, const char *key); /* NULL when absent */
size_t ork_map_count(const ork_map *map);
/* Calls visit in order of insertion. */
void ork_map_each(const ork_map *map, void (*visit)(void *user, const char *key, void *value),
                  void *user);

/* ---- diagnostics ----------------------------------------------------------------------- */

typedef enum ork_error_id {
    ORK_ERR_NONE,
#define ORK_ERROR(symbol, id, name, exit_code, fix) ORK_ERR_##symbol,
#include "errors.def"
#undef ORK_ERROR
    ORK_ERR_COUNT
} ork_error_id;

typedef struct ork_error_info {
    const char *id, *name, *fix;
    int exit_code;
} ork_error_info;
extern const ork_error_info ork_error_table[ORK_ERR_COUNT];

/* Where a call leaves its error, its log lines and its progress. One per user object; used by one
   thread at a time. */
typedef struct ork_diag ork_diag;

ork_diag *ork_diag_new(void);
void ork_diag_free(ork_diag *diag);
void ork_diag_set_log(ork_diag *diag, ork_log_fn log, void *user, ork_log_level up_to);
void ork_diag_set_progress(ork_diag *diag, ork_progress_fn progress, void *user);
void ork_diag_clear(ork_diag *diag);
ork_error_id ork_diag_error_id(const ork_diag *diag); /* ORK_ERR_NONE when nothing failed */
const ork_error *ork_diag_error(const ork_diag *diag);

/* The ways to fail. All return false, so that a function can end with `return ork_fail(...)`.
   ork_fail starts a new error; the others add to it, and the first text given stays, so that
   callers may add what they know without hiding what was known better below. */
bool ork_fail(ork_diag *diag, ork_error_id id, const char *what, ...) ORK_PRINTF(3, 4);
bool ork_where(ork_diag *diag, const char *format, ...) ORK_PRINTF(2, 3);
bool ork_why(ork_diag *diag, const char *format, ...) ORK_PRINTF(2, 3);
bool ork_fix(ork_diag *diag, const char *format, ...) ORK_PRINTF(2, 3);
/* Goes on with the text of ork_where: the layer is known below, its line of code above. */
bool ork_where_more(ork_diag *diag, const char *format, ...) ORK_PRINTF(2, 3);

void ork_log(ork_diag *diag, ork_log_level level, const char *format, ...) ORK_PRINTF(3, 4);

/* False, with the error set, when the user has cancelled. */
bool ork_progress(ork_diag *diag, const char *stage, uint64_t done, uint64_t total);

/* ---- bytes and files ------------------------------------------------------------------- */

typedef struct ork_bytes {
    const uint8_t *data;
    size_t size;
} ork_bytes;

/* Reads little-endian numbers from bytes that may be hostile. After the first read beyond the end
   `failed` is set and every read returns 0, so that one check at the end suffices. */
typedef struct ork_reader {
    const uint8_t *data;
    size_t size, offset;
    bool failed;
} ork_reader;

ork_reader ork_reader_new(ork_bytes bytes);
uint8_t ork_read_u8(ork_reader *reader);
uint16_t ork_read_u16(ork_reader *reader);
uint32_t ork_read_u32(ork_reader *reader);
uint64_t ork_read_u64(ork_reader *reader);
/* Pointer to `size` bytes inside the data, or NULL. */
const uint8_t *ork_read_bytes(ork_reader *reader, size_t size);

enum { ORK_SHA256_TEXT = 65 };
/* The SHA-256 of the bytes as hexadecimal text. */
void ork_sha256(ork_bytes bytes, char text[ORK_SHA256_TEXT]);

/* Both return false on overflow. */
bool ork_mul_size(size_t a, size_t b, size_t *product);
bool ork_add_size(size_t a, size_t b, size_t *sum);

/* A file mapped for reading. */
typedef struct ork_file {
    ork_bytes bytes;
    void *mapping;
} ork_file;

bool ork_file_map(ork_diag *diag, const char *path, ork_file *file);
void ork_file_unmap(ork_file *file);
bool ork_file_exists(const char *path);
bool ork_is_folder(const char *path);

typedef ORK_VEC(const char *) ork_names;
/* The names in a folder, in the order of their bytes; those that begin with a dot are left out.
   Fails with E0101. */
bool ork_folder_read(ork_diag *diag, ork_arena *arena, const char *path, ork_names *names);

/* Makes the folder and those above it, where they are not there. Fails with E0102. */
bool ork_folder_make(ork_diag *diag, const char *path);

/* A file that appears whole or not at all: written under a temporary name beside its place and
   renamed by ork_output_commit. Every writer must end with commit or discard. */
typedef struct ork_output ork_output;
ork_output *ork_output_open(ork_diag *diag, const char *path);            /* NULL on failure */
bool ork_output_write(ork_output *output, const void *data, size_t size); /* errors are kept */
bool ork_output_commit(ork_output *output); /* frees output in any case */
void ork_output_discard(ork_output *output);

/* ---- threads --------------------------------------------------------------------------- */

/* A fixed set of threads. One ork_pool_run at a time per pool; the caller works too. */
typedef struct ork_pool ork_pool;
typedef void (*ork_task_fn)(void *arg, int index, int worker);

/* threads = 0 takes the number of processors. NULL when threads cannot be started. */
ork_pool *ork_pool_new(int threads);
void ork_pool_free(ork_pool *pool);
int ork_pool_threads(const ork_pool *pool); /* 1 for NULL */
/* Calls task(arg, 0 .. count-1, worker) once each, worker in 0 .. threads-1; returns when all are
   done. A NULL pool runs them in the caller. */
void ork_pool_run(ork_pool *pool, ork_task_fn task, void *arg, int count);

/* ---- numbers --------------------------------------------------------------------------- */

float ork_half_to_float(uint16_t half);
uint16_t ork_float_to_half(float value); /* round to nearest even */
float ork_bfloat_to_float(uint16_t bits);

/* Seconds of a clock that never jumps. */
double ork_seconds(void);
/* Seconds that the calling thread has had a processor: other programs do not count. */
double ork_thread_seconds(void);

#endif
