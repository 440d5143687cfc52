/* SPDX-License-Identifier: Apache-2.0 */
/* What begins with '#' is the text of a model, a node a line, which is written as ONNX first, so
   that the operators see more than damaged messages. Anything else is imported as it is.

     #18                                   version of the operators
     !s 1,2,3                              a constant of i64, or of floats when it has a point
     Conv x,w,b y kernel_shape=3,3 mode=a  operator, inputs, outputs, attributes

   There are the inputs x [1,4,6,6], m [4,6], v [6], i (i64 [2]), t (bool [4,6]), and the weights w
   [4,4,3,3], b [4], k (i64 [4]: 1,4,3,12). The first outputs of all lines are those
   of the model. */
#include "import/import.h"
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void import(const void *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph =
        ork_import_onnx_bytes(diag, "fuzz.onnx", (ork_bytes){data, size}, false, NULL);
    if (graph ? !ork_graph_verify(graph, diag) : ork_diag_error_id(diag) == ORK_ERR_NONE)
        abort();
    if (!graph && ork_diag_error_id(diag) == ORK_ERR_GRAPH) /* a fault of ours */
        abort();
    if (graph && graph->node_count < 200 && !ork_passes_run(graph, diag, 3) &&
        ork_diag_error_id(diag) == ORK_ERR_GRAPH)
        abort();
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* ---- a writer of protocol buffers ---- */

static void put(ork_str *out, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        ork_str_append(out, &(char){(char)(number | 0x80)}, 1);
    ork_str_append(out, &(char){(char)number}, 1);
}

static void put_bytes(ork_str *out, unsigned field, const void *data, size_t size)
{
    put(out, field << 3 | 2);
    put(out, size);
    ork_str_append(out, data, size);
}

static void put_number(ork_str *out, unsigned field, uint64_t number)
{
    put(out, field << 3);
    put(out, number);
}

static void put_float(ork_str *out, unsigned field, float number)
{
    put(out, field << 3 | 5);
    ork_str_append(out, (const char *)&number, sizeof(number));
}

/* Moves a message into the one around it. */
static void put_message(ork_str *out, unsigned field, ork_str *message)
{
    put_bytes(out, field, message->text ? message->text : "", message->length);
    ork_str_free(message);
}

/* ---- what every model has ---- */

enum { FLOAT = 1, INT64 = 7, BOOL = 9 };

static void put_input(ork_str *graph, const char *name, int type, const int64_t *dims, int rank)
{
    ork_str shape = {0}, tensor = {0}, kind = {0}, info = {0};
    for (int i = 0; i < rank; i++) {
        ork_str dim = {0};
        put_number(&dim, 1, (uint64_t)dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_number(&tensor, 1, (uint64_t)type);
    put_message(&tensor, 2, &shape);
    put_message(&kind, 1, &tensor);
    put_bytes(&info, 1, name, strlen(name));
    put_message(&info, 2, &kind);
    put_message(graph, 11, &info);
}

static void put_weights(ork_str *graph, const char *name, size_t length, int type,
                        const int64_t *dims, int rank, const void *data, size_t size)
{
    ork_str tensor = {0};
    for (int i = 0; i < rank; i++)
        put_number(&tensor, 1, (uint64_t)dims[i]);
    put_number(&tensor, 2, (uint64_t)type);
    put_bytes(&tensor, 8, name, length);
    put_bytes(&tensor, 9, data, size);
    put_message(graph, 5, &tensor);
}

static void put_world(ork_str *graph)
{
    static const float weights[4 * 4 * 9] = {0.5f, -1, 2, 3, 0.25f};
    static const int64_t indices[] = {1, 4, 3, 12};
    put_input(graph, "x", FLOAT, (int64_t[]){1, 4, 6, 6}, 4);
    put_input(graph, "m", FLOAT, (int64_t[]){4, 6}, 2);
    put_input(graph, "v", FLOAT, (int64_t[]){6}, 1);
    put_input(graph, "i", INT64, (int64_t[]){2}, 1);
    put_input(graph, "t", BOOL, (int64_t[]){4, 6}, 2);
    put_weights(graph, "w", 1, FLOAT, (int64_t[]){4, 4, 3, 3}, 4, weights, sizeof(weights));
    put_weights(graph, "b", 1, FLOAT, (int64_t[]){4}, 1, weights, 4 * sizeof(float));
    put_weights(graph, "k", 1, INT64, (int64_t[]){4}, 1, indices, sizeof(indices));
}

/* ---- lines ---- */

typedef struct word {
    const char *text;
    size_t length;
} word;

/* Up to `end`, or the end of the text. */
static word next_word(word *rest, char end)
{
    const char *stop = rest->length ? memchr(rest->text, end, rest->length) : NULL;
    word found = {rest->text, stop ? (size_t)(stop - rest->text) : rest->length};
    size_t taken = found.length + (stop != NULL);
    rest->text += taken;
    rest->length -= taken;
    return found;
}

static bool has_point(word w)
{
    return w.length && memchr(w.text, '.', w.length) != NULL;
}

static double number_of(word w)
{
    char copy[32] = {0};
    memcpy(copy, w.text, w.length < sizeof(copy) ? w.length : sizeof(copy) - 1);
    return has_point(w) ? strtod(copy, NULL) : (double)strtoll(copy, NULL, 10);
}

static int64_t whole_of(double number)
{
    return number > -1e18 && number < 1e18 ? (int64_t)number : 0;
}

static void put_constant(ork_str *graph, word line)
{
    enum { MOST = 64 };
    int64_t wholes[MOST], count = 0;
    float floats[MOST];
    word name = next_word(&line, ' ');
    bool is_float = has_point(line);
    for (; line.length && count < MOST; count++) {
        double number = number_of(next_word(&line, ','));
        wholes[count] = whole_of(number);
        floats[count] = (float)number;
    }
    put_weights(graph, name.text, name.length, is_float ? FLOAT : INT64, &count, 1,
                is_float ? (const void *)floats : wholes, (size_t)count * (is_float ? 4 : 8));
}

/* name=1,2 or name=1. or name=text or name=1 */
static void put_attribute(ork_str *node, word text)
{
    ork_str attribute = {0};
    word name = next_word(&text, '=');
    bool is_list = text.length && memchr(text.text, ',', text.length);
    bool is_text = text.length && (text.text[0] > '9' || text.text[0] == '"');
    put_bytes(&attribute, 1, name.text, name.length);
    if (is_text)
        put_bytes(&attribute, 4, text.text, text.length);
    while (!is_text && text.length) {
        word item = next_word(&text, ',');
        double number = number_of(item);
        if (has_point(item))
            put_float(&attribute, is_list ? 7 : 2, (float)number);
        else
            put_number(&attribute, is_list ? 8 : 3, (uint64_t)whole_of(number));
    }
    put_message(node, 5, &attribute);
}

static void put_node(ork_str *graph, word line)
{
    ork_str node = {0}, info = {0};
    word op = next_word(&line, ' '), inputs = next_word(&line, ' '),
         outputs = next_word(&line, ' ');
    word first = outputs;
    first = next_word(&first, ',');
    while (inputs.length) {
        word name = next_word(&inputs, ',');
        put_bytes(&node, 1, name.text, name.length);
    }
    while (outputs.length) {
        word name = next_word(&outputs, ',');
        put_bytes(&node, 2, name.text, name.length);
    }
    put_bytes(&node, 4, op.text, op.length);
    while (line.length)
        put_attribute(&node, next_word(&line, ' '));
    put_message(graph, 1, &node);
    put_bytes(&info, 1, first.text, first.length);
    put_message(graph, 12, &info);
}

static void write_model(ork_str *out, word text)
{
    ork_str graph = {0}, opset = {0};
    put_number(&opset, 2, (uint64_t)whole_of(number_of(next_word(&text, '\n'))));
    put_world(&graph);
    while (text.length) {
        word line = next_word(&text, '\n');
        if (line.length && line.text[0] == '!')
            put_constant(&graph, (word){line.text + 1, line.length - 1});
        else if (line.length)
            put_node(&graph, line);
    }
    put_message(out, 7, &graph);
    put_message(out, 8, &opset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] != '#') {
        import(data, size);
        return 0;
    }
    ork_str model = {0};
    write_model(&model, (word){(const char *)data + 1, size - 1});
    import(model.text, model.length);
    ork_str_free(&model);
    return 0;
}
