/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npy files: a magic, a Python dictionary as text, the elements. Format: numpy's
   lib/format.py. */
#include "tensor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_SIZE = 6, HEADER_ALIGNMENT = 64, LONGEST_DESCR = 15, LARGEST_DIGITS = 18 };
static const char magic[MAGIC_SIZE] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

/* Element types of files and what they become. Unsigned types that we do not have take the next
   larger signed one, whatever the values, so that a type does not depend on the data. */
static const struct {
    char kind;
    size_t size;
    ork_dtype dtype;
} elements[] = {
    {'f', 2, ORK_F16},  {'f', 4, ORK_F32}, {'f', 8, ORK_F64}, {'u', 1, ORK_U8},
    {'i', 1, ORK_I8},   {'i', 2, ORK_I16}, {'i', 4, ORK_I32}, {'i', 8, ORK_I64},
    {'b', 1, ORK_BOOL}, {'u', 2, ORK_I32}, {'u', 4, ORK_I64}, {'u', 8, ORK_I64},
};

/* Kinds that people do meet and that have no place in a tensor. */
static const struct {
    char kind;
    const char *what, *fix;
} refused[] = {
    {'O', "Python objects (dtype=object)",
     "make an array of numbers first: rows of different lengths give object arrays"},
    {'V', "raw or structured records", "save each field as an array of its own"},
    {'c', "complex numbers", "save the real and the imaginary part as two arrays"},
    {'U', "texts", "save numbers"},
    {'S', "texts", "save numbers"},
    {'M', "dates", "save numbers"},
    {'m', "time spans", "save numbers"},
};

typedef struct header {
    char kind;
    size_t size; /* bytes of an element in the file */
    bool is_big_endian, is_fortran;
    ork_type type; /* of the tensor */
} header;

/* The dictionary's text. */
typedef struct scanner {
    ork_diag *diag;
    const char *text;
    size_t size, offset;
} scanner;

static bool fail_header(const scanner *s, const char *why)
{
    ork_fail(s->diag, ORK_ERR_NPY, "the header of the .npy file is damaged");
    return ork_why(s->diag, "%s, at character %zu of the header", why, s->offset + 1);
}

/* ---- the dictionary ---- */

static char peek(scanner *s)
{
    while (s->offset < s->size && (s->text[s->offset] == ' ' || s->text[s->offset] == '\n'))
        s->offset++;
    return s->offset < s->size ? s->text[s->offset] : '\0';
}

static bool accept(scanner *s, char c)
{
    if (peek(s) != c)
        return false;
    s->offset++;
    return true;
}

static bool scan_string(scanner *s, char text[LONGEST_DESCR + 1])
{
    char quote = peek(s);
    if (quote != '\'' && quote != '"')
        return fail_header(s, "a text in quotes is missing");
    s->offset++;
    size_t length = 0;
    while (s->offset < s->size && s->text[s->offset] != quote && length < LONGEST_DESCR)
        text[length++] = s->text[s->offset++];
    text[length] = '\0';
    return accept(s, quote) ? true : fail_header(s, "a text is too long or has no end");
}

static bool scan_word(scanner *s, const char *word)
{
    peek(s);
    size_t length = strlen(word);
    if (length > s->size - s->offset || memcmp(s->text + s->offset, word, length) != 0)
        return false;
    s->offset += length;
    return true;
}

static bool fail_kind(const scanner *s, char kind, const char *descr)
{
    for (size_t i = 0; i < ORK_COUNT(refused); i++) {
        if (refused[i].kind != kind)
            continue;
        ork_fail(s->diag, ORK_ERR_NPY, "the array holds %s, not numbers of a known type",
                 refused[i].what);
        return ork_fix(s->diag, "%s", refused[i].fix);
    }
    for (size_t i = 0; descr[i]; i++) /* goes into a message, which is text */
        if (descr[i] < ' ' || descr[i] > '~')
            return fail_header(s, "the element type is not readable text");
    ork_fail(s->diag, ORK_ERR_NPY, "the array's element type '%s' is not known", descr);
    return ork_fix(s->diag, "save it as array.astype('float32')");
}

static bool scan_descr(scanner *s, header *h)
{
    char descr[LONGEST_DESCR + 1];
    if (peek(s) == '[' || peek(s) == '(')
        return fail_kind(s, 'V', "");
    if (!scan_string(s, descr))
        return false;
    bool has_order = descr[0] && strchr("<>|=", descr[0]);
    h->kind = descr[has_order];
    h->is_big_endian = descr[0] == '>';
    char *end = NULL;
    unsigned long size = h->kind ? strtoul(descr + has_order + 1, &end, 10) : 0;
    h->size = size;
    for (size_t i = 0; end && !*end && i < ORK_COUNT(elements); i++) {
        if (elements[i].kind == h->kind && elements[i].size == size) {
            h->type.dtype = elements[i].dtype;
            return true;
        }
    }
    return fail_kind(s, h->kind, descr);
}

static bool scan_order(scanner *s, header *h)
{
    h->is_fortran = scan_word(s, "True");
    return h->is_fortran || scan_word(s, "False") ? true
                                                  : fail_header(s, "True or False is missing");
}

static bool scan_dim(scanner *s, int64_t *dim)
{
    size_t digits = 0;
    *dim = 0;
    for (char c = peek(s); c >= '0' && c <= '9'; digits++) {
        if (digits < LARGEST_DIGITS)
            *dim = *dim * 10 + (c - '0');
        s->offset++;
        c = s->offset < s->size ? s->text[s->offset] : '\0';
    }
    if (digits == 0 || digits > LARGEST_DIGITS)
        return fail_header(s, "a size of the shape is no number or too large");
    accept(s, 'L'); /* Python 2 */
    return true;
}

static bool scan_shape(scanner *s, header *h)
{
    ork_shape *shape = &h->type.shape;
    shape->rank = 0;
    if (!accept(s, '('))
        return fail_header(s, "the shape is not a tuple");
    while (!accept(s, ')')) {
        if (shape->rank == ORK_MAX_RANK)
            return ork_fail(s->diag, ORK_ERR_NPY, "the array has more than %d dimensions",
                            ORK_MAX_RANK);
        if (!scan_dim(s, &shape->dim[shape->rank++]))
            return false;
        if (!accept(s, ',') && peek(s) != ')')
            return fail_header(s, "',' or ')' is missing in the shape");
    }
    return true;
}

static const struct {
    const char *key;
    bool (*scan)(scanner *s, header *h);
} fields[] = {{"descr", scan_descr}, {"fortran_order", scan_order}, {"shape", scan_shape}};

static bool scan_field(scanner *s, header *h, unsigned *seen)
{
    char key[LONGEST_DESCR + 1];
    if (!scan_string(s, key))
        return false;
    if (!accept(s, ':'))
        return fail_header(s, "':' is missing");
    for (size_t i = 0; i < ORK_COUNT(fields); i++) {
        if (strcmp(key, fields[i].key) == 0 && !(*seen & 1u << i)) {
            *seen |= 1u << i;
            return fields[i].scan(s, h);
        }
    }
    return fail_header(s, "a key is unknown or comes twice");
}

static bool scan_dictionary(scanner *s, header *h)
{
    unsigned seen = 0;
    if (!accept(s, '{'))
        return fail_header(s, "it is not a dictionary");
    while (!accept(s, '}')) {
        if (!scan_field(s, h, &seen))
            return false;
        if (!accept(s, ',') && peek(s) != '}')
            return fail_header(s, "',' or '}' is missing");
    }
    if (seen != (1u << ORK_COUNT(fields)) - 1)
        return fail_header(s, "descr, fortran_order or shape is missing");
    return true;
}

/* ---- the file ---- */

static bool fail_magic(ork_diag *diag, ork_bytes bytes)
{
    ork_fail(diag, ORK_ERR_NPY, "this is not a .npy file");
    if (bytes.size >= 2 && memcmp(bytes.data, "PK", 2) == 0) {
        ork_why(diag, "it is a zip archive: a .npz holds several arrays");
        return ork_fix(diag, "save the one array with numpy.save");
    }
    return ork_why(diag, "it does not begin with the mark of numpy.save");
}

static bool read_header(ork_diag *diag, ork_reader *reader, header *h)
{
    const uint8_t *start = ork_read_bytes(reader, MAGIC_SIZE);
    if (!start || memcmp(start, magic, MAGIC_SIZE) != 0)
        return fail_magic(diag, (ork_bytes){reader->data, reader->size});
    uint8_t version = ork_read_u8(reader);
    ork_read_u8(reader);
    if (!reader->failed && (version < 1 || version > 3))
        return ork_fail(diag, ORK_ERR_NPY, "version %d of the .npy format is not known", version);
    size_t length = version == 1 ? ork_read_u16(reader) : ork_read_u32(reader);
    const char *text = (const char *)ork_read_bytes(reader, length);
    if (!text)
        return ork_fail(diag, ORK_ERR_NPY, "the .npy file ends inside its header");
    scanner s = {diag, text, length, 0};
    return scan_dictionary(&s, h);
}

/* The sizes other than 0 must have a product that fits, so that no later product of some of them
   can overflow. */
static bool check_shape(ork_diag *diag, const header *h, size_t available)
{
    size_t needed = h->size, span = ork_dtype_table[h->type.dtype].size;
    const ork_shape *shape = &h->type.shape;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dim[i];
        bool fits = (uint64_t)dim <= PTRDIFF_MAX &&
                    ork_mul_size(span, dim ? (size_t)dim : 1, &span) && span <= PTRDIFF_MAX;
        if (!fits || !ork_mul_size(needed, (size_t)dim, &needed))
            return ork_fail(diag, ORK_ERR_NPY, "the shape of the array is too large");
    }
    if (needed <= available)
        return true;
    ork_fail(diag, ORK_ERR_NPY, "the .npy file is cut short");
    return ork_why(diag, "its elements need %zu bytes and %zu are there", needed, available);
}

static uint64_t load(const header *h, const uint8_t *element)
{
    uint64_t raw = 0;
    for (size_t i = 0; i < h->size; i++)
        raw = raw << 8 | element[h->is_big_endian ? i : h->size - 1 - i];
    return h->type.dtype == ORK_BOOL ? raw != 0 : raw;
}

static void store(uint8_t *out, size_t size, uint64_t raw)
{
    for (size_t i = 0; i < size; i++, raw >>= 8)
        out[i] = (uint8_t)raw;
}

/* Steps through the source in the order of the destination: `index` counts like an odometer. */
static bool convert(ork_diag *diag, const header *h, const uint8_t *source, uint8_t *out)
{
    const ork_shape *shape = &h->type.shape;
    size_t out_size = ork_dtype_table[h->type.dtype].size;
    int64_t count = ork_shape_count(shape), strides[ORK_MAX_RANK], index[ORK_MAX_RANK] = {0};
    for (int i = 0; i < shape->rank; i++)
        strides[i] =
            h->is_fortran ? ork_shape_span(shape, 0, i) : ork_shape_span(shape, i + 1, shape->rank);
    int64_t from = 0;
    for (int64_t n = 0; n < count; n++, out += out_size) {
        uint64_t raw = load(h, source + (size_t)from * h->size);
        if (h->kind == 'u' && raw > INT64_MAX)
            return ork_fail(diag, ORK_ERR_NPY, "value %" PRIu64 " does not fit into int64", raw);
        store(out, out_size, raw);
        for (int i = shape->rank; i-- > 0;) {
            from += strides[i];
            if (++index[i] < shape->dim[i])
                break;
            from -= strides[i] * shape->dim[i];
            index[i] = 0;
        }
    }
    return true;
}

/* Little-endian host: elements of the same type need no conversion. */
static bool is_plain(const header *h)
{
    return !h->is_fortran && (!h->is_big_endian || h->size == 1) && h->type.dtype != ORK_BOOL &&
           (h->kind != 'u' || h->size == 1);
}

bool ork_npy_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_tensor *tensor)
{
    header h = {0};
    ork_reader reader = ork_reader_new(bytes);
    size_t size;
    if (!read_header(diag, &reader, &h) || !check_shape(diag, &h, reader.size - reader.offset))
        return false;
    bool fits = ork_shape_bytes(&h.type.shape, h.type.dtype, &size);
    uint8_t *data = fits ? ork_arena_alloc_data(arena, size) : NULL;
    if (!data)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for the array");
    const uint8_t *source = reader.data + reader.offset;
    if (is_plain(&h))
        memcpy(data, source, size);
    else if (!convert(diag, &h, source, data))
        return false;
    *tensor = (ork_tensor){h.type, data};
    return true;
}

/* ---- writing ---- */

/* NumPy has no bfloat16; its values go out as float32. */
static const char *descr_of(ork_dtype dtype)
{
    static const char *const names[ORK_DTYPE_COUNT] = {
        [ORK_F32] = "<f4", [ORK_F16] = "<f2",  [ORK_BF16] = "<f4", [ORK_F64] = "<f8",
        [ORK_U8] = "|u1",  [ORK_I8] = "|i1",   [ORK_I16] = "<i2",  [ORK_I32] = "<i4",
        [ORK_I64] = "<i8", [ORK_BOOL] = "|b1",
    };
    return names[dtype];
}

static void write_header(ork_output *output, const ork_type *type)
{
    ork_str text = {0};
    ork_str_printf(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                   descr_of(type->dtype));
    for (int i = 0; i < type->shape.rank; i++)
        ork_str_printf(&text, "%s%" PRId64, i ? ", " : "", type->shape.dim[i]);
    ork_str_printf(&text, "%s), }", type->shape.rank == 1 ? "," : "");
    while ((MAGIC_SIZE + 4 + text.length + 1) % HEADER_ALIGNMENT)
        ork_str_append(&text, " ", 1);
    ork_str_append(&text, "\n", 1);
    const uint8_t version_and_length[] = {1, 0, (uint8_t)text.length, (uint8_t)(text.length >> 8)};
    ork_output_write(output, magic, MAGIC_SIZE);
    ork_output_write(output, version_and_length, sizeof(version_and_length));
    ork_output_write(output, text.text, text.length);
    ork_str_free(&text);
}

static void write_bfloat(ork_output *output, const ork_tensor *tensor)
{
    int64_t count = ork_shape_count(&tensor->type.shape);
    float chunk[1024];
    size_t used = 0;
    for (int64_t i = 0; i < count; i++) {
        chunk[used++] = (float)ork_element_get(ORK_BF16, tensor->data, i);
        if (used == ORK_COUNT(chunk) || i + 1 == count) {
            ork_output_write(output, chunk, used * sizeof(float));
            used = 0;
        }
    }
}

bool ork_npy_write(ork_diag *diag, const char *path, const ork_tensor *tensor)
{
    ork_output *output = ork_output_open(diag, path);
    if (!output)
        return false;
    write_header(output, &tensor->type);
    if (tensor->type.dtype == ORK_BF16)
        write_bfloat(output, tensor);
    else
        ork_output_write(output, tensor->data, ork_tensor_bytes(tensor));
    return ork_output_commit(output);
}
