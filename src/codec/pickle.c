/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle machine: a stack of values, a stack of marks into it, and a memo of values to come
   back to. One function per kind of opcode and one table row per opcode. Opcodes are those of
   CPython's Lib/pickletools.py. */
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every value comes to the stack once before it goes anywhere else, and takes at most about two
   hundred bytes besides its text, so this also bounds memory. */
enum { MOST_PUSHES = 1 << 24, LONGEST_LINE = 4096 };

typedef struct machine {
    ork_diag *diag;
    ork_arena *arena;
    ork_reader reader;
    ork_pickle_list stack, memo;
    ORK_VEC(size_t) marks; /* heights of the stack */
    size_t pushes;
    const char *opcode_name;
    size_t opcode_offset;
    ork_pickle_value *none, *yes, *no; /* made once: they cannot be told apart anyway */
    bool is_done;
} machine;

typedef bool (*opcode_fn)(machine *m, int variant);

static bool fail(machine *m, const char *why)
{
    ork_fail(m->diag, ORK_ERR_PICKLE, "the pickle cannot be read at byte %zu (%s)",
             m->opcode_offset, m->opcode_name);
    return ork_why(m->diag, "%s", why);
}

static bool fail_end(machine *m)
{
    return fail(m, "the data end in the middle of it: the file is cut short or damaged");
}

/* ---- values and stack ---- */

static ork_pickle_value *new_value(machine *m, ork_pickle_kind kind)
{
    ork_pickle_value *value = ORK_NEW(m->arena, ork_pickle_value);
    value->kind = kind;
    return value;
}

static bool push(machine *m, ork_pickle_value *value)
{
    if (m->pushes++ >= MOST_PUSHES)
        return fail(m, "it has more than 16 million values");
    ork_vec_push(m->arena, &m->stack, value);
    return true;
}

/* Values above the last mark; what lies below belongs to an unfinished container. */
static size_t height(const machine *m)
{
    return m->stack.count - (m->marks.count ? m->marks.items[m->marks.count - 1] : 0);
}

static ork_pickle_value *pop(machine *m)
{
    if (height(m) == 0) {
        fail(m, "it takes a value from an empty stack");
        return NULL;
    }
    return m->stack.items[--m->stack.count];
}

static ork_pickle_value *top(machine *m)
{
    if (height(m) == 0) {
        fail(m, "it needs a value and the stack is empty");
        return NULL;
    }
    return m->stack.items[m->stack.count - 1];
}

/* Takes the values above the last mark off the stack. They stay readable until the next push. */
static bool pop_to_mark(machine *m, ork_pickle_value ***items, size_t *count)
{
    *items = NULL;
    *count = height(m);
    if (!m->marks.count)
        return fail(m, "it needs a mark and there is none");
    m->marks.count--;
    m->stack.count -= *count;
    if (*count)
        *items = m->stack.items + m->stack.count;
    return true;
}

/* ---- containers ---- */

static ork_pickle_value *new_list(machine *m, ork_pickle_kind kind, ork_pickle_value **items,
                                  size_t count)
{
    ork_pickle_value *value = new_value(m, kind);
    if (count) {
        value->list.items = ORK_NEW_ARRAY(m->arena, ork_pickle_value *, count);
        memcpy(value->list.items, items, count * sizeof(*items));
        value->list.count = value->list.capacity = count;
    }
    return value;
}

static bool add_items(machine *m, ork_pickle_value *target, ork_pickle_value **items, size_t count)
{
    ork_pickle_list *list = NULL;
    if (target->kind == ORK_PICKLE_LIST || target->kind == ORK_PICKLE_SET)
        list = &target->list;
    else if (target->kind == ORK_PICKLE_OBJECT || target->kind == ORK_PICKLE_CALL)
        list = &target->object->items;
    else
        return fail(m, "it adds items to a value that is no list");
    for (size_t i = 0; i < count; i++)
        ork_vec_push(m->arena, list, items[i]);
    return true;
}

static bool add_pairs(machine *m, ork_pickle_value *target, ork_pickle_value **items, size_t count)
{
    ork_pickle_dict *dict = NULL;
    if (target->kind == ORK_PICKLE_DICT)
        dict = &target->dict;
    else if (target->kind == ORK_PICKLE_OBJECT || target->kind == ORK_PICKLE_CALL)
        dict = &target->object->entries;
    else
        return fail(m, "it sets keys of a value that is no dictionary");
    if (count % 2)
        return fail(m, "a key has no value");
    for (size_t i = 0; i < count; i += 2) {
        ork_pickle_pair pair = {items[i], items[i + 1]};
        ork_vec_push(m->arena, dict, pair);
    }
    return true;
}

static bool do_mark(machine *m, int variant)
{
    (void)variant;
    if (m->marks.count >= MOST_PUSHES)
        return fail(m, "it has more than 16 million marks");
    ork_vec_push(m->arena, &m->marks, m->stack.count);
    return true;
}

static bool do_pop(machine *m, int variant)
{
    (void)variant;
    if (height(m) == 0 && m->marks.count) { /* as in Python: POP also takes a mark */
        m->marks.count--;
        return true;
    }
    return pop(m) != NULL;
}

static bool do_pop_mark(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value **items;
    size_t count;
    return pop_to_mark(m, &items, &count);
}

static bool do_dup(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *value = top(m);
    return value && push(m, value);
}

static bool do_empty(machine *m, int kind)
{
    return push(m, new_value(m, (ork_pickle_kind)kind));
}

static bool do_marked_list(machine *m, int kind)
{
    ork_pickle_value **items;
    size_t count;
    return pop_to_mark(m, &items, &count) &&
           push(m, new_list(m, (ork_pickle_kind)kind, items, count));
}

static bool do_short_tuple(machine *m, int count)
{
    if (height(m) < (size_t)count)
        return fail(m, "it takes more values than the stack has");
    m->stack.count -= (size_t)count;
    return push(m, new_list(m, ORK_PICKLE_TUPLE, m->stack.items + m->stack.count, (size_t)count));
}

static bool do_marked_dict(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value **items;
    size_t count;
    if (!pop_to_mark(m, &items, &count))
        return false;
    ork_pickle_value *dict = new_value(m, ORK_PICKLE_DICT);
    return add_pairs(m, dict, items, count) && push(m, dict);
}

static bool do_append(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *item = pop(m);
    ork_pickle_value *target = item ? top(m) : NULL;
    return target && add_items(m, target, &item, 1);
}

static bool do_append_marked(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value **items;
    size_t count;
    if (!pop_to_mark(m, &items, &count))
        return false;
    ork_pickle_value *target = top(m);
    return target && add_items(m, target, items, count);
}

static bool do_set_item(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *value = pop(m);
    ork_pickle_value *key = value ? pop(m) : NULL;
    ork_pickle_value *target = key ? top(m) : NULL;
    return target && add_pairs(m, target, (ork_pickle_value *[]){key, value}, 2);
}

static bool do_set_marked(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value **items;
    size_t count;
    if (!pop_to_mark(m, &items, &count))
        return false;
    ork_pickle_value *target = top(m);
    return target && add_pairs(m, target, items, count);
}

/* ---- constants, numbers, text ---- */

static bool do_constant(machine *m, int kind_or_bool)
{
    return push(m, kind_or_bool < 0 ? m->none : kind_or_bool ? m->yes : m->no);
}

static bool push_int(machine *m, int64_t integer)
{
    ork_pickle_value *value = new_value(m, ORK_PICKLE_INT);
    value->integer = integer;
    return push(m, value);
}

/* Reads an unsigned little-endian number of `size` bytes. */
static bool read_unsigned(machine *m, int size, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < size; i++)
        *number |= (uint64_t)ork_read_u8(&m->reader) << (8 * i);
    return m->reader.failed ? fail_end(m) : true;
}

/* A negative size tells a signed number: only BININT is. */
static bool do_int(machine *m, int size)
{
    uint64_t number;
    if (!read_unsigned(m, abs(size), &number))
        return false;
    return push_int(m, size < 0 ? (int32_t)(uint32_t)number : (int64_t)number);
}

/* The bytes that follow a length of `size` bytes. */
static bool read_counted(machine *m, int size, ork_bytes *bytes)
{
    uint64_t length;
    if (!read_unsigned(m, size, &length))
        return false;
    if (length > m->reader.size - m->reader.offset)
        return fail(m, "its length goes beyond the end of the data");
    bytes->size = (size_t)length;
    bytes->data = ork_read_bytes(&m->reader, bytes->size);
    return true;
}

static bool do_long(machine *m, int size)
{
    ork_bytes bytes;
    if (!read_counted(m, size, &bytes))
        return false;
    if (bytes.size > 8) {
        ork_pickle_value *big = new_value(m, ORK_PICKLE_BIG_INT);
        big->bytes = bytes;
        return push(m, big);
    }
    uint64_t number = bytes.size && bytes.data[bytes.size - 1] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = bytes.size; i-- > 0;)
        number = number << 8 | bytes.data[i];
    return push_int(m, (int64_t)number);
}

static bool push_float(machine *m, double number)
{
    ork_pickle_value *value = new_value(m, ORK_PICKLE_FLOAT);
    value->number = number;
    return push(m, value);
}

static bool do_float(machine *m, int variant)
{
    (void)variant;
    uint64_t bits;
    if (!read_unsigned(m, 8, &bits))
        return false;
    bits = __builtin_bswap64(bits); /* the only big-endian thing in a pickle */
    double number;
    memcpy(&number, &bits, sizeof(number));
    return push_float(m, number);
}

static ork_pickle_value *new_string(machine *m, ork_bytes bytes)
{
    ork_pickle_value *value = new_value(m, ORK_PICKLE_STRING);
    value->string.text = ork_arena_strndup(m->arena, (const char *)bytes.data, bytes.size);
    value->string.length = bytes.size;
    return value;
}

static ork_pickle_value *new_bytes(machine *m, ork_bytes bytes)
{
    ork_pickle_value *value = new_value(m, ORK_PICKLE_BYTES);
    value->bytes = bytes;
    return value;
}

static bool do_unicode(machine *m, int size)
{
    ork_bytes bytes;
    if (!read_counted(m, size, &bytes))
        return false;
    if (!ork_utf8_valid((const char *)bytes.data, bytes.size))
        return fail(m, "the text is not UTF-8");
    return push(m, new_string(m, bytes));
}

/* Python 2 had one type for text and for bytes. */
static bool do_string(machine *m, int size)
{
    ork_bytes bytes;
    if (!read_counted(m, size, &bytes))
        return false;
    bool is_text = ork_utf8_valid((const char *)bytes.data, bytes.size);
    return push(m, is_text ? new_string(m, bytes) : new_bytes(m, bytes));
}

static bool do_bytes(machine *m, int size)
{
    ork_bytes bytes;
    return read_counted(m, size, &bytes) && push(m, new_bytes(m, bytes));
}

/* Text up to a newline, as a terminated copy. */
static char *read_line(machine *m)
{
    const uint8_t *start = m->reader.data + m->reader.offset;
    size_t left = ork_min_size(m->reader.size - m->reader.offset, LONGEST_LINE);
    const uint8_t *end = left ? memchr(start, '\n', left) : NULL;
    if (!end) {
        fail(m, "its text has no end");
        return NULL;
    }
    size_t length = (size_t)(end - start);
    m->reader.offset += length + 1;
    if (memchr(start, 0, length) || !ork_utf8_valid((const char *)start, length)) {
        fail(m, "its text is not UTF-8");
        return NULL;
    }
    return ork_arena_strndup(m->arena, (const char *)start, length);
}

/* INT and LONG: protocol 2 writers still used "I01\n" for True in places. */
static bool do_int_line(machine *m, int variant)
{
    (void)variant;
    char *line = read_line(m), *end;
    if (!line)
        return false;
    if (strcmp(line, "00") == 0 || strcmp(line, "01") == 0)
        return do_constant(m, line[1] == '1');
    errno = 0;
    long long number = strtoll(line, &end, 10);
    if (end == line || errno || (*end && strcmp(end, "L") != 0))
        return fail(m, "its text is not a 64-bit integer");
    return push_int(m, number);
}

static bool do_float_line(machine *m, int variant)
{
    (void)variant;
    char *line = read_line(m), *end;
    if (!line)
        return false;
    double number = ork_number_read(line, &end);
    return end == line || *end ? fail(m, "its text is not a number") : push_float(m, number);
}

/* ---- memo ---- */

static bool put(machine *m, uint64_t index)
{
    ork_pickle_value *value = top(m);
    if (!value)
        return false;
    /* Writers count from 0, so an index beyond the input's size is nonsense, and memory follows. */
    if (index >= ork_min_size(m->reader.size, MOST_PUSHES))
        return fail(m, "its memo index is larger than the pickle");
    ork_vec_reserve(m->arena, (void **)&m->memo.items, &m->memo.capacity, (size_t)index + 1,
                    sizeof(*m->memo.items));
    m->memo.items[index] = value;
    m->memo.count = ork_max_size(m->memo.count, (size_t)index + 1);
    return true;
}

static bool get(machine *m, uint64_t index)
{
    if (index >= m->memo.count || !m->memo.items[index])
        return fail(m, "it fetches something that was never memorized");
    return push(m, m->memo.items[index]);
}

static bool do_put(machine *m, int size)
{
    uint64_t index;
    return read_unsigned(m, size, &index) && put(m, index);
}

static bool do_get(machine *m, int size)
{
    uint64_t index;
    return read_unsigned(m, size, &index) && get(m, index);
}

static bool do_memo_line(machine *m, int is_put)
{
    char *line = read_line(m), *end;
    if (!line)
        return false;
    errno = 0;
    unsigned long long index = strtoull(line, &end, 10);
    if (end == line || *end || errno)
        return fail(m, "its memo index is not a number");
    return is_put ? put(m, index) : get(m, index);
}

static bool do_memoize(machine *m, int variant)
{
    (void)variant;
    return put(m, m->memo.count);
}

/* ---- globals, objects, calls ---- */

static bool push_global(machine *m, const char *module, const char *name)
{
    ork_pickle_value *value = new_value(m, ORK_PICKLE_GLOBAL);
    value->global.module = module;
    value->global.name = name;
    return push(m, value);
}

static bool do_global(machine *m, int variant)
{
    (void)variant;
    const char *module = read_line(m);
    const char *name = module ? read_line(m) : NULL;
    return name && push_global(m, module, name);
}

static bool do_stack_global(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *name = pop(m);
    ork_pickle_value *module = name ? pop(m) : NULL;
    if (!module)
        return false;
    if (!ork_pickle_text(module) || !ork_pickle_text(name))
        return fail(m, "module and name of a global are not texts");
    return push_global(m, module->string.text, name->string.text);
}

/* Old torch.save wrote the class of a module as a persistent id, together with its source. */
static bool is_callable(const ork_pickle_value *value)
{
    return value->kind == ORK_PICKLE_GLOBAL || value->kind == ORK_PICKLE_CALL ||
           value->kind == ORK_PICKLE_OBJECT || value->kind == ORK_PICKLE_PERSISTENT;
}

static bool push_object(machine *m, ork_pickle_kind kind, ork_pickle_value *callable,
                        ork_pickle_value *args, ork_pickle_value *keywords)
{
    if (args->kind != ORK_PICKLE_TUPLE || (keywords && keywords->kind != ORK_PICKLE_DICT))
        return fail(m, "its arguments are not a tuple");
    if (!is_callable(callable))
        return fail(m, "what it calls is neither a function nor a class");
    ork_pickle_value *value = new_value(m, kind);
    value->object = ORK_NEW(m->arena, ork_pickle_object);
    value->object->callable = callable;
    value->object->args = args;
    value->object->keywords = keywords;
    return push(m, value);
}

static bool do_call(machine *m, int kind)
{
    ork_pickle_value *args = pop(m);
    ork_pickle_value *callable = args ? pop(m) : NULL;
    return callable && push_object(m, (ork_pickle_kind)kind, callable, args, NULL);
}

static bool do_call_keywords(machine *m, int kind)
{
    ork_pickle_value *keywords = pop(m);
    ork_pickle_value *args = keywords ? pop(m) : NULL;
    ork_pickle_value *callable = args ? pop(m) : NULL;
    return callable && push_object(m, (ork_pickle_kind)kind, callable, args, keywords);
}

static bool do_build(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *state = pop(m);
    ork_pickle_value *target = state ? top(m) : NULL;
    if (!target)
        return false;
    if (target->kind != ORK_PICKLE_OBJECT && target->kind != ORK_PICKLE_CALL)
        return fail(m, "it sets the state of a value that is no object");
    if (target->object->state)
        return fail(m, "it sets the state of an object for the second time");
    target->object->state = state;
    return true;
}

static bool do_persistent(machine *m, int variant)
{
    (void)variant;
    ork_pickle_value *id = pop(m);
    if (!id)
        return false;
    ork_pickle_value *value = new_value(m, ORK_PICKLE_PERSISTENT);
    value->id = id;
    return push(m, value);
}

/* ---- the frame around it ---- */

static bool do_proto(machine *m, int variant)
{
    (void)variant;
    uint64_t version;
    if (!read_unsigned(m, 1, &version))
        return false;
    return version >= 2 && version <= 5 ? true : fail(m, "only protocols 2 to 5 are known");
}

static bool do_frame(machine *m, int variant)
{
    (void)variant;
    uint64_t length; /* a hint for readers of streams; the bytes are all here */
    if (!read_unsigned(m, 8, &length))
        return false;
    return length <= m->reader.size - m->reader.offset ? true : fail_end(m);
}

static bool do_stop(machine *m, int variant)
{
    (void)variant;
    if (m->marks.count || m->stack.count != 1)
        return fail(m, "it ends with something other than one value");
    m->is_done = true;
    return true;
}

static bool do_refused(machine *m, int variant)
{
    (void)variant;
    return fail(m, "this opcode refers to things outside of the file or belongs to protocol 0 or "
                   "1, which no version of PyTorch writes");
}

typedef struct opcode {
    const char *name;
    opcode_fn run;
    int variant; /* number of bytes of the argument, kind of the result ... */
} opcode;

static const opcode opcodes[256] = {
    ['('] = {"MARK", do_mark, 0},
    ['.'] = {"STOP", do_stop, 0},
    ['0'] = {"POP", do_pop, 0},
    ['1'] = {"POP_MARK", do_pop_mark, 0},
    ['2'] = {"DUP", do_dup, 0},
    ['F'] = {"FLOAT", do_float_line, 0},
    ['I'] = {"INT", do_int_line, 0},
    ['J'] = {"BININT", do_int, -4},
    ['K'] = {"BININT1", do_int, 1},
    ['M'] = {"BININT2", do_int, 2},
    ['L'] = {"LONG", do_int_line, 0},
    ['N'] = {"NONE", do_constant, -1},
    ['P'] = {"PERSID", do_refused, 0},
    ['Q'] = {"BINPERSID", do_persistent, 0},
    ['R'] = {"REDUCE", do_call, ORK_PICKLE_CALL},
    ['S'] = {"STRING", do_refused, 0},
    ['T'] = {"BINSTRING", do_string, 4},
    ['U'] = {"SHORT_BINSTRING", do_string, 1},
    ['V'] = {"UNICODE", do_refused, 0},
    ['X'] = {"BINUNICODE", do_unicode, 4},
    ['a'] = {"APPEND", do_append, 0},
    ['b'] = {"BUILD", do_build, 0},
    ['c'] = {"GLOBAL", do_global, 0},
    ['d'] = {"DICT", do_marked_dict, 0},
    ['}'] = {"EMPTY_DICT", do_empty, ORK_PICKLE_DICT},
    ['e'] = {"APPENDS", do_append_marked, 0},
    ['g'] = {"GET", do_memo_line, 0},
    ['h'] = {"BINGET", do_get, 1},
    ['i'] = {"INST", do_refused, 0},
    ['j'] = {"LONG_BINGET", do_get, 4},
    ['l'] = {"LIST", do_marked_list, ORK_PICKLE_LIST},
    [']'] = {"EMPTY_LIST", do_empty, ORK_PICKLE_LIST},
    ['o'] = {"OBJ", do_refused, 0},
    ['p'] = {"PUT", do_memo_line, 1},
    ['q'] = {"BINPUT", do_put, 1},
    ['r'] = {"LONG_BINPUT", do_put, 4},
    ['s'] = {"SETITEM", do_set_item, 0},
    ['t'] = {"TUPLE", do_marked_list, ORK_PICKLE_TUPLE},
    [')'] = {"EMPTY_TUPLE", do_empty, ORK_PICKLE_TUPLE},
    ['u'] = {"SETITEMS", do_set_marked, 0},
    ['G'] = {"BINFLOAT", do_float, 0},
    ['B'] = {"BINBYTES", do_bytes, 4},
    ['C'] = {"SHORT_BINBYTES", do_bytes, 1},
    [0x80] = {"PROTO", do_proto, 0},
    [0x81] = {"NEWOBJ", do_call, ORK_PICKLE_OBJECT},
    [0x82] = {"EXT1", do_refused, 0},
    [0x83] = {"EXT2", do_refused, 0},
    [0x84] = {"EXT4", do_refused, 0},
    [0x85] = {"TUPLE1", do_short_tuple, 1},
    [0x86] = {"TUPLE2", do_short_tuple, 2},
    [0x87] = {"TUPLE3", do_short_tuple, 3},
    [0x88] = {"NEWTRUE", do_constant, 1},
    [0x89] = {"NEWFALSE", do_constant, 0},
    [0x8a] = {"LONG1", do_long, 1},
    [0x8b] = {"LONG4", do_long, 4},
    [0x8c] = {"SHORT_BINUNICODE", do_unicode, 1},
    [0x8d] = {"BINUNICODE8", do_unicode, 8},
    [0x8e] = {"BINBYTES8", do_bytes, 8},
    [0x8f] = {"EMPTY_SET", do_empty, ORK_PICKLE_SET},
    [0x90] = {"ADDITEMS", do_append_marked, 0},
    [0x91] = {"FROZENSET", do_marked_list, ORK_PICKLE_SET},
    [0x92] = {"NEWOBJ_EX", do_call_keywords, ORK_PICKLE_OBJECT},
    [0x93] = {"STACK_GLOBAL", do_stack_global, 0},
    [0x94] = {"MEMOIZE", do_memoize, 0},
    [0x95] = {"FRAME", do_frame, 0},
    [0x96] = {"BYTEARRAY8", do_bytes, 8},
    [0x97] = {"NEXT_BUFFER", do_refused, 0},
    [0x98] = {"READONLY_BUFFER", do_refused, 0},
};

static bool step(machine *m)
{
    m->opcode_offset = m->reader.offset;
    m->opcode_name = "end of data";
    if (m->reader.offset == m->reader.size)
        return fail(m, "the pickle has no STOP: the file is cut short or is no pickle");
    const opcode *op = &opcodes[ork_read_u8(&m->reader)];
    m->opcode_name = op->run ? op->name : "unknown opcode";
    return op->run ? op->run(m, op->variant) : fail(m, "the data are damaged or are no pickle");
}

static void make_constants(machine *m)
{
    m->none = new_value(m, ORK_PICKLE_NONE);
    m->yes = new_value(m, ORK_PICKLE_BOOL);
    m->no = new_value(m, ORK_PICKLE_BOOL);
    m->yes->boolean = true;
}

bool ork_pickle_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_pickle_value **result,
                     size_t *consumed)
{
    machine m = {.diag = diag, .arena = arena, .reader = ork_reader_new(bytes)};
    make_constants(&m);
    while (!m.is_done)
        if (!step(&m))
            return false;
    *result = m.stack.items[0];
    if (consumed)
        *consumed = m.reader.offset;
    return true;
}
