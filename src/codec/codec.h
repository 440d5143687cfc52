/* SPDX-License-Identifier: Apache-2.0 */
/* Containers and notations of other people's files: zip, pickle, JSON, protocol buffers. All
   readers take bytes that may be hostile; they need time and memory linear in the input (zip: in
   what is inflated), and their errors name the place inside the bytes, in `what`. The file's name
   is for the caller to add with ork_where. */
#ifndef ORK_CODEC_H
#define ORK_CODEC_H

#include "../base/base.h"

/* True when the bytes are well-formed UTF-8: no surrogates, no overlong forms. */
bool ork_utf8_valid(const char *text, size_t length);
/* Bytes of the character at the start of the text; 0 when it is malformed or the text is empty. */
size_t ork_utf8_step(const char *text, size_t length);

/* ---- zip ------------------------------------------------------------------------------- */

/* A zip archive over bytes that stay mapped as long as the archive is used. Only the central
   directory tells what is inside (sizes in local headers are often 0). Zip64 is understood.
   Refused: duplicate names, entries that overlap, sizes and counts that do not fit the file,
   archives in several parts. Format: APPNOTE.TXT 6.3.10 by PKWARE. */
typedef struct ork_zip ork_zip;

typedef struct ork_zip_entry {
    const char *name;           /* as stored; contains no NUL */
    uint64_t size, stored_size; /* bytes after and before inflation */
    size_t offset;              /* of the stored bytes in the file */
    uint32_t crc32;
    uint16_t method; /* 0 STORED, 8 DEFLATE, others cannot be read */
    bool is_encrypted;
} ork_zip_entry;

enum { ORK_ZIP_STORED = 0, ORK_ZIP_DEFLATE = 8 };

/* True when the bytes begin like a zip archive. */
bool ork_zip_is(ork_bytes bytes);

/* Owned by the arena; NULL with ORK_ERR_ZIP. */
ork_zip *ork_zip_open(ork_diag *diag, ork_arena *arena, ork_bytes bytes);

/* Entries keep the order of the central directory. */
size_t ork_zip_count(const ork_zip *zip);
const ork_zip_entry *ork_zip_entry_at(const ork_zip *zip, size_t index);
const char *ork_zip_name(const ork_zip *zip, size_t index);
/* Entry of exactly this name. */
bool ork_zip_find(const ork_zip *zip, const char *name, size_t *index);

/* The contents of an entry. STORED: a pointer into the archive's bytes, not copied and not compared
   with its CRC-32 (weights are large; see ork_zip_verify). DEFLATE: inflated into memory of
   `inflate_into` and compared with its CRC-32; more than 2 GiB, or more than 1032 times the stored
   size (what deflate can reach at most), is refused before any memory is taken. */
bool ork_zip_entry_bytes(ork_diag *diag, const ork_zip *zip, size_t index, ork_arena *inflate_into,
                         ork_bytes *out);

/* Compares a STORED entry with its CRC-32. */
bool ork_zip_verify(ork_diag *diag, const ork_zip *zip, size_t index);

/* ---- pickle ---------------------------------------------------------------------------- */

/* A pickle is a program for a stack machine. It is followed without ever calling anything: what
   Python would import becomes a GLOBAL with two names, what Python would call becomes a CALL that
   holds callable and arguments. Protocols 2 to 5, binary opcodes, plus the text forms INT, LONG,
   FLOAT, GET and PUT. */
typedef enum ork_pickle_kind {
    ORK_PICKLE_NONE,
    ORK_PICKLE_BOOL,
    ORK_PICKLE_INT,
    ORK_PICKLE_BIG_INT, /* beyond 64 bits: little-endian two's complement in `bytes` */
    ORK_PICKLE_FLOAT,
    ORK_PICKLE_STRING, /* valid UTF-8 */
    ORK_PICKLE_BYTES,  /* also strings of Python 2 that are not UTF-8 */
    ORK_PICKLE_TUPLE,
    ORK_PICKLE_LIST,
    ORK_PICKLE_SET, /* also frozenset */
    ORK_PICKLE_DICT,
    ORK_PICKLE_GLOBAL,     /* module.name */
    ORK_PICKLE_OBJECT,     /* callable.__new__(*args), then state, items and entries */
    ORK_PICKLE_CALL,       /* callable(*args), then state, items and entries */
    ORK_PICKLE_PERSISTENT, /* something kept outside of the pickle; its name is `id` */
    ORK_PICKLE_KIND_COUNT
} ork_pickle_kind;

typedef struct ork_pickle_value ork_pickle_value;

typedef struct ork_pickle_list {
    ork_pickle_value **items;
    size_t count, capacity;
} ork_pickle_list;

typedef struct ork_pickle_pair {
    ork_pickle_value *key, *value;
} ork_pickle_pair;

typedef struct ork_pickle_dict {
    ork_pickle_pair *items; /* in order of insertion; a key that comes twice is here twice */
    size_t count, capacity;
} ork_pickle_dict;

/* What was put on a CALL or OBJECT after it was made. */
typedef struct ork_pickle_object {
    ork_pickle_value *callable; /* GLOBAL, PERSISTENT, CALL or OBJECT */
    ork_pickle_value *args;     /* a TUPLE */
    ork_pickle_value *keywords; /* a DICT, or NULL (NEWOBJ_EX only) */
    ork_pickle_value *state;    /* of BUILD, or NULL */
    ork_pickle_list items;      /* APPEND, APPENDS, ADDITEMS */
    ork_pickle_dict entries;    /* SETITEM, SETITEMS: an OrderedDict is a CALL with entries */
} ork_pickle_object;

/* Something used twice in the pickle is one value reached by two pointers, so tensors that share
   memory can be told by their address. Values may reach themselves (a list in itself), and may nest
   as deep as the pickle is long: whoever walks the tree must bound the depth and must not walk
   shared parts over and over; ORK_PICKLE_DEPTH is a fair bound. */
enum { ORK_PICKLE_DEPTH = 200 };

struct ork_pickle_value {
    ork_pickle_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            const char *text; /* STRING: terminated; may hold NULs before `length` */
            size_t length;
        } string;
        ork_bytes bytes;      /* BYTES and BIG_INT: inside the pickle's own bytes */
        ork_pickle_list list; /* TUPLE, LIST, SET */
        ork_pickle_dict dict;
        struct {
            const char *module, *name;
        } global;
        ork_pickle_object *object; /* OBJECT, CALL */
        ork_pickle_value *id;      /* PERSISTENT */
    };
};

/* Reads one pickle from the start of the bytes, up to its STOP; `consumed` (may be NULL) receives
   its length. Values live in the arena; BYTES and BIG_INT point into `bytes`. ORK_ERR_PICKLE names
   the opcode and its offset. */
bool ork_pickle_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_pickle_value **result,
                     size_t *consumed);

/* "none", "tuple" ... for messages. */
const char *ork_pickle_kind_name(ork_pickle_kind kind);

/* All of these accept NULL for the value and then say "no", so that look-ups can be chained. */

/* The value at a string key of a DICT, of an OBJECT's or CALL's entries or of its state when that
   is a DICT; the last one set; NULL when absent. Linear in the number of keys. */
ork_pickle_value *ork_pickle_get(const ork_pickle_value *value, const char *key);
/* Item of a TUPLE or LIST; NULL when it has none at this index. */
ork_pickle_value *ork_pickle_item(const ork_pickle_value *value, size_t index);
/* Length of a TUPLE, LIST, SET or DICT; 0 for others. */
size_t ork_pickle_count(const ork_pickle_value *value);
bool ork_pickle_is(const ork_pickle_value *value, ork_pickle_kind kind);
/* Of an INT. */
bool ork_pickle_int(const ork_pickle_value *value, int64_t *integer);
/* Of a FLOAT or INT. */
bool ork_pickle_float(const ork_pickle_value *value, double *number);
bool ork_pickle_bool(const ork_pickle_value *value, bool *boolean);
/* Of a STRING without NULs inside; else NULL. */
const char *ork_pickle_text(const ork_pickle_value *value);
/* True for GLOBAL module.name. */
bool ork_pickle_is_global(const ork_pickle_value *value, const char *module, const char *name);
/* True for a CALL of module.name. */
bool ork_pickle_is_call(const ork_pickle_value *value, const char *module, const char *name);
/* Argument of a CALL or OBJECT; NULL when it has none at this index. */
ork_pickle_value *ork_pickle_arg(const ork_pickle_value *value, size_t index);

/* ---- JSON: reading --------------------------------------------------------------------- */

typedef enum ork_json_kind {
    ORK_JSON_NULL,
    ORK_JSON_BOOL,
    ORK_JSON_INT,   /* written without fraction and exponent, and fits int64_t */
    ORK_JSON_FLOAT, /* every other number */
    ORK_JSON_STRING,
    ORK_JSON_ARRAY,
    ORK_JSON_OBJECT,
    ORK_JSON_KIND_COUNT
} ork_json_kind;

enum { ORK_JSON_DEPTH = 128 };

typedef struct ork_json ork_json;

typedef struct ork_json_member {
    const char *key; /* terminated */
    size_t key_length;
    ork_json *value;
} ork_json_member;

struct ork_json {
    ork_json_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            const char *text; /* valid UTF-8, terminated; may hold NULs before `length` */
            size_t length;
        } string;
        struct {
            ork_json **items;
            size_t count;
        } array;
        struct {
            ork_json_member *members; /* in order of insertion; keys differ */
            ork_json_member **sorted; /* for ork_json_get */
            size_t count;
        } object;
    };
};

/* Reads a document of RFC 8259 (a byte order mark is skipped; no comments, no NaN). Of equal keys
   the last value wins and takes the place of the first. Nesting beyond ORK_JSON_DEPTH and numbers
   beyond double are refused. Owned by the arena; NULL with ORK_ERR_JSON whose `what` begins with
   line and column, both from 1, the column counting bytes. */
ork_json *ork_json_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes);

const char *ork_json_kind_name(ork_json_kind kind);

/* All accept NULL, so that look-ups can be chained. */
ork_json *ork_json_get(const ork_json *object, const char *key); /* NULL when absent */
ork_json *ork_json_item(const ork_json *array, size_t index);    /* NULL when absent */
size_t ork_json_count(const ork_json *value);                    /* of an array or object, else 0 */
bool ork_json_is(const ork_json *value, ork_json_kind kind);
/* The value at the key when it has the type, else the fallback. An INT serves as a double; a FLOAT
   never serves as an int. */
int64_t ork_json_get_int(const ork_json *object, const char *key, int64_t fallback);
double ork_json_get_double(const ork_json *object, const char *key, double fallback);
bool ork_json_get_bool(const ork_json *object, const char *key, bool fallback);
const char *ork_json_get_text(const ork_json *object, const char *key, const char *fallback);
/* The value itself; false when it is of another type. */
bool ork_json_as_int(const ork_json *value, int64_t *integer);
bool ork_json_as_double(const ork_json *value, double *number);
bool ork_json_as_bool(const ork_json *value, bool *boolean);
const char *ork_json_as_text(const ork_json *value); /* NULL when not a STRING */

/* ---- JSON: writing --------------------------------------------------------------------- */

/* Appends one document to a string. Calls that would give malformed JSON (a value without its key,
   an object never closed) are faults of the caller and assert. Locale does not matter. */
typedef struct ork_json_writer {
    ork_str *out;
    int indent; /* spaces per level; 0 writes everything on one line without spaces */
    int depth;
    bool has_key, is_done;
    struct {
        bool is_object, has_items;
    } levels[ORK_JSON_DEPTH];
} ork_json_writer;

ork_json_writer ork_json_writer_new(ork_str *out, int indent);
void ork_json_begin_object(ork_json_writer *writer);
void ork_json_end_object(ork_json_writer *writer);
void ork_json_begin_array(ork_json_writer *writer);
void ork_json_end_array(ork_json_writer *writer);
void ork_json_key(ork_json_writer *writer, const char *key);
void ork_json_put_null(ork_json_writer *writer);
void ork_json_put_bool(ork_json_writer *writer, bool value);
void ork_json_put_int(ork_json_writer *writer, int64_t value);
/* The shortest digits that read back as the same number, always with '.' or an exponent. JSON has
   no infinities and no NaN: they are written as null. */
void ork_json_put_double(ork_json_writer *writer, double value);
void ork_json_put_float(ork_json_writer *writer, float value);
/* Bytes that are not UTF-8 become U+FFFD. */
void ork_json_put_text(ork_json_writer *writer, const char *text);
void ork_json_put_text_n(ork_json_writer *writer, const char *text, size_t length);
/* A key and its value. */
void ork_json_member_text(ork_json_writer *writer, const char *key, const char *text);
void ork_json_member_int(ork_json_writer *writer, const char *key, int64_t value);
void ork_json_member_double(ork_json_writer *writer, const char *key, double value);
void ork_json_member_bool(ork_json_writer *writer, const char *key, bool value);
/* A whole tree, as ork_json_read made it. */
void ork_json_put(ork_json_writer *writer, const ork_json *value);
/* Asserts that the document is complete. */
void ork_json_finish(const ork_json_writer *writer);

/* ---- protocol buffers ------------------------------------------------------------------ */

/* The fields of a message in the order of its bytes. Nothing is copied. Readers of known messages
   skip the numbers they do not know; a field whose wire is not the expected one counts as damage
   (ORK_ERR_PROTOBUF is theirs to set). */
typedef enum ork_wire {
    ORK_WIRE_VARINT = 0,
    ORK_WIRE_FIXED64 = 1,
    ORK_WIRE_BYTES = 2, /* text, messages, packed numbers */
    ORK_WIRE_FIXED32 = 5,
} ork_wire;

enum { ORK_PROTOBUF_MAX_NUMBER = (1 << 29) - 1 };

typedef struct ork_protobuf_field {
    uint32_t number;
    ork_wire wire;
    uint64_t value;  /* of numbers */
    ork_bytes bytes; /* of BYTES, inside the message */
} ork_protobuf_field;

typedef struct ork_protobuf {
    ork_reader reader;
} ork_protobuf;

ork_protobuf ork_protobuf_new(ork_bytes bytes);
/* False at the end and at damage. */
bool ork_protobuf_next(ork_protobuf *message, ork_protobuf_field *field);
bool ork_protobuf_is_damaged(const ork_protobuf *message);

float ork_protobuf_float(const ork_protobuf_field *field);
double ork_protobuf_double(const ork_protobuf_field *field);
/* A copy, terminated; NULL when the field is no text: not BYTES, not UTF-8, with a NUL inside. */
char *ork_protobuf_text(ork_arena *arena, const ork_protobuf_field *field);

/* A repeated number comes packed in one field, or one field each: both read alike. */
typedef struct ork_protobuf_numbers {
    ork_reader reader;
    ork_wire item;
    bool is_packed;
    int left;
    ork_protobuf_field single;
} ork_protobuf_numbers;

/* item: the wire of one number. reader.failed tells of damage once the last is read. */
ork_protobuf_numbers ork_protobuf_numbers_of(const ork_protobuf_field *field, ork_wire item);
bool ork_protobuf_number(ork_protobuf_numbers *numbers, ork_protobuf_field *number);

#endif
