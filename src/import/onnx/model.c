/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of an ONNX file, read by tables: a row says where a field goes. */
#include "onnx.h"

#include <string.h>

enum { MAX_DEPTH = 24 }; /* messages inside each other; a graph in a graph takes three */

typedef enum field_kind {
    TEXT,     /* const char * */
    DOMAIN,   /* the same, "ai.onnx" becoming "" */
    INTEGER,  /* int64_t */
    NUMBER,   /* float */
    RAW,      /* ork_bytes */
    TEXTS,    /* ORK_VEC(const char *) */
    INTEGERS, /* ORK_VEC(int64_t) */
    NUMBERS,  /* ORK_VEC(float) */
    INSIDE,   /* a message whose fields belong to the same struct */
    POINTER,  /* a message in a struct of its own */
    MESSAGES, /* ORK_VEC of structs */
} field_kind;

typedef struct schema schema;

typedef struct field_row {
    uint32_t number; /* in the message */
    field_kind kind;
    size_t offset;        /* in the struct */
    const schema *schema; /* of INSIDE, POINTER and MESSAGES */
} field_row;

typedef struct reading {
    ork_arena *arena;
    int depth;
    bool failed;
} reading;

struct schema {
    const field_row *rows;
    size_t count, size; /* rows; bytes of the struct */
    const void *empty;  /* what the struct is before reading */
    void (*finish)(reading *r, void *it, ork_bytes message);
};

typedef struct vector {
    void *items;
    size_t count, capacity;
} vector;

static void push(reading *r, void *into, const void *item, size_t size)
{
    vector *v = into;
    ork_vec_reserve(r->arena, &v->items, &v->capacity, v->count + 1, size);
    memcpy((char *)v->items + v->count++ * size, item, size);
}

static const char *text_of(reading *r, const ork_protobuf_field *field)
{
    const char *text = ork_protobuf_text(r->arena, field);
    r->failed |= !text;
    return text ? text : "";
}

static void read_numbers(reading *r, void *into, const ork_protobuf_field *field, field_kind kind)
{
    ork_protobuf_field number;
    ork_protobuf_numbers numbers =
        ork_protobuf_numbers_of(field, kind == NUMBERS ? ORK_WIRE_FIXED32 : ORK_WIRE_VARINT);
    while (ork_protobuf_number(&numbers, &number)) {
        int64_t integer = (int64_t)number.value;
        float real = ork_protobuf_float(&number);
        if (kind == NUMBERS)
            push(r, into, &real, sizeof(real));
        else
            push(r, into, &integer, sizeof(integer));
    }
    r->failed |= numbers.reader.failed;
}

static void read_message(reading *r, ork_bytes bytes, const schema *of, void *it);

static void *new_struct(reading *r, const schema *of)
{
    void *it = ork_arena_alloc(r->arena, of->size);
    if (of->empty)
        memcpy(it, of->empty, of->size);
    return it;
}

static void read_inner(reading *r, void *into, const field_row *row, ork_bytes bytes)
{
    if (row->kind == INSIDE) {
        read_message(r, bytes, row->schema, into);
        return;
    }
    void *it = new_struct(r, row->schema);
    read_message(r, bytes, row->schema, it);
    if (row->kind == POINTER)
        memcpy(into, &it, sizeof(it));
    else
        push(r, into, it, row->schema->size);
}

static const ork_wire wires[] = {
    [INTEGER] = ORK_WIRE_VARINT, [NUMBER] = ORK_WIRE_FIXED32, [TEXT] = ORK_WIRE_BYTES,
    [DOMAIN] = ORK_WIRE_BYTES,   [RAW] = ORK_WIRE_BYTES,      [TEXTS] = ORK_WIRE_BYTES,
    [INSIDE] = ORK_WIRE_BYTES,   [POINTER] = ORK_WIRE_BYTES,  [MESSAGES] = ORK_WIRE_BYTES,
    [NUMBERS] = ORK_WIRE_BYTES,  [INTEGERS] = ORK_WIRE_BYTES,
};

static void read_field(reading *r, void *it, const field_row *row, const ork_protobuf_field *field)
{
    void *into = (char *)it + row->offset;
    bool is_list = row->kind == NUMBERS || row->kind == INTEGERS; /* those check it themselves */
    if (!is_list && field->wire != wires[row->kind]) {
        r->failed = true;
        return;
    }
    if (row->kind == TEXT || row->kind == DOMAIN || row->kind == TEXTS) {
        const char *text = text_of(r, field);
        if (row->kind == DOMAIN && !strcmp(text, "ai.onnx"))
            text = "";
        if (row->kind == TEXTS)
            push(r, into, &text, sizeof(text));
        else
            memcpy(into, &text, sizeof(text));
    } else if (row->kind == INTEGER) {
        memcpy(into, &field->value, sizeof(field->value));
    } else if (row->kind == NUMBER) {
        float number = ork_protobuf_float(field);
        memcpy(into, &number, sizeof(number));
    } else if (row->kind == RAW) {
        memcpy(into, &field->bytes, sizeof(field->bytes));
    } else if (is_list) {
        read_numbers(r, into, field, row->kind);
    } else {
        read_inner(r, into, row, field->bytes);
    }
}

static void read_message(reading *r, ork_bytes bytes, const schema *of, void *it)
{
    ork_protobuf message = ork_protobuf_new(bytes);
    ork_protobuf_field field;
    r->failed |= ++r->depth > MAX_DEPTH;
    while (!r->failed && ork_protobuf_next(&message, &field))
        for (size_t i = 0; i < of->count && !r->failed; i++)
            if (of->rows[i].number == field.number)
                read_field(r, it, &of->rows[i], &field);
    r->failed |= ork_protobuf_is_damaged(&message);
    if (of->finish)
        of->finish(r, it, bytes);
    r->depth--;
}

/* ---- the messages ---------------------------------------------------------------------- */

#define AT(type, field) offsetof(type, field)
#define SCHEMA(name, type, initial, finish)                                                        \
    static const schema name##_schema = {name##_rows, ORK_COUNT(name##_rows), sizeof(type),        \
                                         initial, finish}

/* A dimension and its name, while a shape is read. */
typedef struct shape_dim {
    int64_t size;
    const char *name;
} shape_dim;

typedef struct shape {
    ORK_VEC(shape_dim) dims;
} shape;

static const shape_dim empty_dim = {.size = -1};
static const field_row dim_rows[] = {
    {1, INTEGER, AT(shape_dim, size), NULL},
    {2, TEXT, AT(shape_dim, name), NULL},
};
SCHEMA(dim, shape_dim, &empty_dim, NULL);

static const field_row shape_rows[] = {{1, MESSAGES, AT(shape, dims), &dim_schema}};
SCHEMA(shape, shape, NULL, NULL);

/* A type while it is read. */
typedef struct tensor_type {
    int64_t element;
    shape *shape;
} tensor_type;

static const field_row tensor_type_rows[] = {
    {1, INTEGER, AT(tensor_type, element), NULL},
    {2, POINTER, AT(tensor_type, shape), &shape_schema},
};
SCHEMA(tensor_type, tensor_type, NULL, NULL);

typedef struct value_type {
    tensor_type *tensor;
} value_type;

static const field_row type_rows[] = {{1, POINTER, AT(value_type, tensor), &tensor_type_schema}};
SCHEMA(type, value_type, NULL, NULL);

static void finish_value(__attribute__((unused)) reading *r, void *it,
                         __attribute__((unused)) ork_bytes message)
{
    ork_onnx_value_info *info = it;
    const value_type *type = info->type_message;
    const tensor_type *tensor = type ? type->tensor : NULL;
    const shape *read = tensor ? tensor->shape : NULL;
    info->is_tensor = tensor != NULL;
    info->type = tensor ? tensor->element : ORK_ONNX_UNDEFINED;
    info->has_shape = read != NULL;
    info->rank = read ? (int)ork_min_size(read->dims.count, INT32_MAX) : 0;
    for (int i = 0; i < info->rank && i < ORK_MAX_RANK; i++) {
        int64_t size = read->dims.items[i].size;
        info->dim[i] = size < 0 || size > INT32_MAX ? -1 : size;
        info->dim_name[i] = read->dims.items[i].name;
    }
}

static const ork_onnx_value_info empty_value = {.name = ""};
static const field_row value_rows[] = {
    {1, TEXT, AT(ork_onnx_value_info, name), NULL},
    {2, POINTER, AT(ork_onnx_value_info, type_message), &type_schema},
};
SCHEMA(value, ork_onnx_value_info, &empty_value, finish_value);

static const schema graph_schema;

static const ork_onnx_attribute empty_attribute = {.name = ""};
static const field_row attribute_rows[] = {
    {1, TEXT, AT(ork_onnx_attribute, name), NULL},
    {2, NUMBER, AT(ork_onnx_attribute, number), NULL},
    {3, INTEGER, AT(ork_onnx_attribute, integer), NULL},
    {4, RAW, AT(ork_onnx_attribute, text), NULL},
    {5, RAW, AT(ork_onnx_attribute, tensor), NULL},
    {6, POINTER, AT(ork_onnx_attribute, graph), &graph_schema},
    {7, NUMBERS, AT(ork_onnx_attribute, numbers), NULL},
    {8, INTEGERS, AT(ork_onnx_attribute, integers), NULL},
    {9, TEXTS, AT(ork_onnx_attribute, texts), NULL},
    {21, TEXT, AT(ork_onnx_attribute, refers_to), NULL},
};
SCHEMA(attribute, ork_onnx_attribute, &empty_attribute, NULL);

static const ork_onnx_node empty_node = {.name = "", .op = "", .domain = ""};
static const field_row node_rows[] = {
    {1, TEXTS, AT(ork_onnx_node, inputs), NULL},
    {2, TEXTS, AT(ork_onnx_node, outputs), NULL},
    {3, TEXT, AT(ork_onnx_node, name), NULL},
    {4, TEXT, AT(ork_onnx_node, op), NULL},
    {5, MESSAGES, AT(ork_onnx_node, attributes), &attribute_schema},
    {7, DOMAIN, AT(ork_onnx_node, domain), NULL},
};
SCHEMA(node, ork_onnx_node, &empty_node, NULL);

static void finish_initializer(__attribute__((unused)) reading *r, void *it, ork_bytes message)
{
    ((ork_onnx_initializer *)it)->tensor = message;
}

static const ork_onnx_initializer empty_initializer = {.name = ""};
static const field_row initializer_rows[] = {{8, TEXT, AT(ork_onnx_initializer, name), NULL}};
SCHEMA(initializer, ork_onnx_initializer, &empty_initializer, finish_initializer);

/* Once the vectors have stopped growing, names can lead to what is in them. */
static void finish_graph(reading *r, void *it, __attribute__((unused)) ork_bytes message)
{
    ork_onnx_graph *graph = it;
    graph->producers = ork_map_new(r->arena);
    graph->weights = ork_map_new(r->arena);
    for (size_t i = 0; i < graph->nodes.count; i++) {
        ork_onnx_node *node = &graph->nodes.items[i];
        for (size_t k = 0; k < node->outputs.count; k++)
            if (*node->outputs.items[k])
                ork_map_set(graph->producers, node->outputs.items[k], node);
    }
    for (size_t i = 0; i < graph->initializers.count; i++)
        ork_map_set(graph->weights, graph->initializers.items[i].name,
                    &graph->initializers.items[i]);
}

static const ork_onnx_graph empty_graph = {.name = ""};
static const field_row graph_rows[] = {
    {1, MESSAGES, AT(ork_onnx_graph, nodes), &node_schema},
    {2, TEXT, AT(ork_onnx_graph, name), NULL},
    {5, MESSAGES, AT(ork_onnx_graph, initializers), &initializer_schema},
    {11, MESSAGES, AT(ork_onnx_graph, inputs), &value_schema},
    {12, MESSAGES, AT(ork_onnx_graph, outputs), &value_schema},
    {13, MESSAGES, AT(ork_onnx_graph, values), &value_schema},
};
static const schema graph_schema = {graph_rows, ORK_COUNT(graph_rows), sizeof(ork_onnx_graph),
                                    &empty_graph, finish_graph};

static const ork_onnx_opset empty_opset = {.domain = ""};
static const field_row opset_rows[] = {
    {1, DOMAIN, AT(ork_onnx_opset, domain), NULL},
    {2, INTEGER, AT(ork_onnx_opset, version), NULL},
};
SCHEMA(opset, ork_onnx_opset, &empty_opset, NULL);

static void finish_function(reading *r, void *it, ork_bytes message)
{
    finish_graph(r, &((ork_onnx_function *)it)->body, message);
}

static const ork_onnx_function empty_function = {.name = "", .domain = "", .body.name = ""};
static const field_row function_rows[] = {
    {1, TEXT, AT(ork_onnx_function, name), NULL},
    {4, TEXTS, AT(ork_onnx_function, inputs), NULL},
    {5, TEXTS, AT(ork_onnx_function, outputs), NULL},
    {7, MESSAGES, AT(ork_onnx_function, body.nodes), &node_schema},
    {9, MESSAGES, AT(ork_onnx_function, opsets), &opset_schema},
    {10, DOMAIN, AT(ork_onnx_function, domain), NULL},
};
SCHEMA(function, ork_onnx_function, &empty_function, finish_function);

static const field_row model_rows[] = {
    {1, INTEGER, AT(ork_onnx_model, ir_version), NULL},
    {2, TEXT, AT(ork_onnx_model, producer), NULL},
    {7, POINTER, AT(ork_onnx_model, graph), &graph_schema},
    {8, MESSAGES, AT(ork_onnx_model, opsets), &opset_schema},
    {25, MESSAGES, AT(ork_onnx_model, functions), &function_schema},
};
SCHEMA(model, ork_onnx_model, NULL, NULL);

bool ork_onnx_model_read(ork_diag *diag, ork_arena *arena, ork_bytes bytes, ork_onnx_model *model)
{
    reading r = {.arena = arena};
    *model = (ork_onnx_model){.producer = ""};
    read_message(&r, bytes, &model_schema, model);
    if (r.failed)
        return ork_fail(diag, ORK_ERR_PROTOBUF, "the ONNX model is damaged or cut short");
    if (!model->graph || model->opsets.count == 0)
        return ork_fail(diag, ORK_ERR_MODEL_FORMAT, "this is no ONNX model: it has no %s",
                        model->graph ? "operator set" : "graph");
    return true;
}

int64_t ork_onnx_version(const ork_onnx_opset *opsets, size_t count, const char *domain)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(opsets[i].domain, domain))
            return opsets[i].version;
    return 0;
}
