/* SPDX-License-Identifier: Apache-2.0 */
/* Every spelling of the head is recognised from its graph, and all of them give the same boxes. */
#include "detect/detect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    ork_diag *diag;
    ork_arena *arena;
    ork_graph *graph;
    ork_head head;
    int64_t width, height, classes;
} fixture;

static fixture start(void)
{
    return (fixture){
        .diag = ork_diag_new(), .arena = ork_arena_new(), .width = 64, .height = 48, .classes = 3};
}

static void finish(fixture *f)
{
    ork_graph_free(f->graph);
    ork_arena_free(f->arena);
    ork_diag_free(f->diag);
}

/* ---- building heads with strides 8 16 32 ---- */
/* 64x48 input and three classes, unless the fixture says otherwise */

enum { CLASSES = 3, CHANNELS = 5 + CLASSES, ANCHORS = 48 + 12 + 4 };

typedef struct spelling {
    bool sigmoid, flat, columns, decoded, reversed, one_layer;
} spelling;

static ork_value *conv(fixture *f, ork_value *x, int64_t outs, int64_t stride)
{
    int64_t dims[4] = {outs, x->type.shape.dim[1], 1, 1};
    ork_type type = ork_type_of(ORK_F32, 4, dims);
    float *zeros = ork_arena_alloc(f->graph->arena, sizeof(float) * (size_t)(outs * dims[1]));
    ork_value *weight = ork_graph_add_constant(f->graph, "weight", &type, zeros);
    ork_attrs attrs = {0};
    attrs.conv2d.stride = (ork_attr_PAIR){{stride, stride}};
    attrs.conv2d.dilation = (ork_attr_PAIR){{1, 1}};
    attrs.conv2d.groups = 1;
    ork_value *y = ork_graph_add2(f->graph, f->diag, ORK_OP_CONV2D, &attrs, x, weight, NULL);
    assert_non_null(y);
    return y;
}

static ork_value *add1(fixture *f, ork_op op, const ork_attrs *attrs, ork_value *x)
{
    ork_value *y = ork_graph_add1(f->graph, f->diag, op, attrs, x, NULL);
    assert_non_null(y);
    return y;
}

static ork_value *concat(fixture *f, ork_value **parts, int count, int64_t axis)
{
    ork_attrs attrs = {0};
    attrs.concat.axis = axis;
    ork_value *y = ork_graph_add(f->graph, f->diag, ORK_OP_CONCAT, &attrs, parts, count, NULL);
    assert_non_null(y);
    return y;
}

static ork_value *slice(fixture *f, ork_value *x, int64_t begin, int64_t end)
{
    ork_attrs attrs = {0};
    attrs.slice.begin = (ork_ints){3, {0, 0, begin}};
    attrs.slice.end = (ork_ints){3, {1, x->type.shape.dim[1], end}};
    attrs.slice.step = (ork_ints){3, {1, 1, 1}};
    return add1(f, ORK_OP_SLICE, &attrs, x);
}

static ork_value *map_of(fixture *f, ork_value *x, int64_t stride, const spelling *s)
{
    if (s->one_layer)
        return conv(f, x, 3 * CHANNELS, stride);
    ork_value *parts[3] = {conv(f, x, 4, stride), conv(f, x, 1, stride),
                           conv(f, x, f->classes, stride)};
    for (int i = 1; i < 3 && s->sigmoid; i++)
        parts[i] = add1(f, ORK_OP_SIGMOID, NULL, parts[i]);
    return concat(f, parts, 3, 1);
}

static ork_value *flatten(fixture *f, ork_value *x)
{
    const int64_t *dim = x->type.shape.dim;
    ork_attrs attrs = {0};
    attrs.reshape.shape = (ork_ints){3, {1, dim[1], dim[2] * dim[3]}};
    return add1(f, ORK_OP_RESHAPE, &attrs, x);
}

static ork_value *decode_inside(fixture *f, ork_value *rows)
{
    int64_t dims[3] = {1, rows->type.shape.dim[1], 2};
    float *ones = ork_arena_alloc(f->graph->arena, sizeof(float) * (size_t)(dims[1] * 2));
    ork_value *grid = ork_graph_constant_f32(f->graph, "grid", 3, dims, ones);
    dims[2] = 1;
    ork_value *stride = ork_graph_constant_f32(f->graph, "stride", 3, dims, ones);
    ork_value *xy =
        ork_graph_add2(f->graph, f->diag, ORK_OP_ADD, NULL, slice(f, rows, 0, 2), grid, NULL);
    xy = ork_graph_add2(f->graph, f->diag, ORK_OP_MUL, NULL, stride, xy, NULL);
    ork_value *wh = add1(f, ORK_OP_EXP, NULL, slice(f, rows, 2, 4));
    wh = ork_graph_add2(f->graph, f->diag, ORK_OP_MUL, NULL, wh, stride, NULL);
    ork_value *parts[3] = {xy, wh, slice(f, rows, 4, 5 + f->classes)};
    return concat(f, parts, 3, 2);
}

static void build(fixture *f, const spelling *s)
{
    f->graph = ork_graph_new("head");
    const int64_t dims[4] = {1, 3, f->height, f->width};
    ork_type type = ork_type_of(ORK_F32, 4, dims);
    ork_value *x = ork_graph_add_input(f->graph, "x", &type);
    ork_value *maps[3];
    for (int i = 0; i < 3; i++)
        maps[i] = map_of(f, x, 8 << (s->reversed ? 2 - i : i), s);
    for (int i = 0; i < 3; i++) {
        if (!s->flat)
            ork_graph_add_output(f->graph, maps[i]);
        else
            maps[i] = flatten(f, maps[i]);
    }
    if (!s->flat)
        return;
    ork_value *flat = concat(f, maps, 3, 2);
    ork_attrs attrs = {0};
    attrs.transpose.perm = (ork_ints){3, {0, 2, 1}};
    if (!s->columns)
        flat = add1(f, ORK_OP_TRANSPOSE, &attrs, flat);
    if (s->decoded)
        flat = decode_inside(f, flat);
    ork_graph_add_output(f->graph, flat);
}

static void recognise(fixture *f, const spelling *s)
{
    build(f, s);
    if (!ork_head_recognise(f->diag, f->arena, f->graph, &f->head))
        fail_msg("%s: %s", ork_diag_error(f->diag)->what, ork_diag_error(f->diag)->why);
}

static void test_spellings(void **state)
{
    (void)state;
    static const struct {
        spelling spelling;
        const char *description;
    } rows[] = {
        {{.sigmoid = true}, "YOLOX, 3 maps, 3 classes, sigmoid inside"},
        {{.sigmoid = false}, "YOLOX, 3 maps, 3 classes, sigmoid to be applied"},
        {{.sigmoid = true, .flat = true}, "YOLOX, 64 rows, 3 classes, sigmoid inside"},
        {{.flat = true}, "YOLOX, 64 rows, 3 classes, sigmoid to be applied"},
        {{.flat = true, .columns = true}, "YOLOX, 64 columns, 3 classes, sigmoid to be applied"},
        {{.sigmoid = true, .flat = true, .decoded = true},
         "YOLOX, 64 rows, decoded inside, 3 classes, sigmoid inside"},
    };
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        fixture f = start();
        recognise(&f, &rows[i].spelling);
        assert_string_equal(f.head.description, rows[i].description);
        assert_int_equal(f.head.class_count, CLASSES);
        assert_int_equal(f.head.anchor_count, ANCHORS);
        finish(&f);
    }
}

/* The graph says which cell an anchor is, even when the maps were joined largest stride first. */
static void test_any_order_of_maps(void **state)
{
    (void)state;
    fixture f = start();
    recognise(&f, &(spelling){.flat = true, .reversed = true});
    const ork_anchor *anchors = f.head.parts[0].anchors;
    assert_true(anchors[0].stride == 32 && anchors[0].x == 0);
    assert_true(anchors[3].stride == 32 && anchors[3].x == 1 && anchors[3].y == 1);
    assert_true(anchors[4].stride == 16 && anchors[4 + 12].stride == 8);
    assert_true(anchors[ANCHORS - 1].x == 7 && anchors[ANCHORS - 1].y == 5);
    finish(&f);
}

/* ---- the same numbers in every layout give the same boxes ---- */

static float random_value(void)
{
    return (float)rand() / (float)RAND_MAX * 4 - 2;
}

static float *columns_from(fixture *f, const float *rows)
{
    float *columns = ORK_NEW_ARRAY(f->arena, float, ANCHORS *CHANNELS);
    for (int i = 0; i < ANCHORS; i++)
        for (int c = 0; c < CHANNELS; c++)
            columns[c * ANCHORS + i] = rows[i * CHANNELS + c];
    return columns;
}

/* columns [C,N] cut into maps [C,h*w] */
static void maps_from(fixture *f, const float *columns, const float *maps[3])
{
    static const int sizes[3] = {48, 12, 4};
    for (int m = 0, first = 0; m < 3; first += sizes[m++]) {
        float *map = ORK_NEW_ARRAY(f->arena, float, (size_t)sizes[m] * CHANNELS);
        for (int c = 0; c < CHANNELS; c++)
            memcpy(map + c * sizes[m], columns + c * ANCHORS + first,
                   sizeof(float) * (size_t)sizes[m]);
        maps[m] = map;
    }
}

static ork_boxes boxes_of(fixture *f, const spelling *s, const float *const *outputs)
{
    ork_graph_free(f->graph);
    recognise(f, s);
    ork_boxes boxes;
    assert_true(ork_head_decode(f->diag, f->arena, &f->head, outputs, 0.2f, &boxes));
    return boxes;
}

static void test_layouts_agree(void **state)
{
    (void)state;
    fixture f = start();
    srand(3);
    float *rows = ORK_NEW_ARRAY(f.arena, float, ANCHORS *CHANNELS);
    for (int i = 0; i < ANCHORS * CHANNELS; i++)
        rows[i] = random_value();
    const float *columns = columns_from(&f, rows), *maps[3];
    maps_from(&f, columns, maps);
    const float *flat_rows = rows;
    ork_boxes a = boxes_of(&f, &(spelling){.flat = true}, &flat_rows);
    ork_boxes b = boxes_of(&f, &(spelling){.flat = true, .columns = true}, &columns);
    ork_boxes c = boxes_of(&f, &(spelling){.sigmoid = false}, maps);
    assert_in_range(a.count, 10, ANCHORS);
    assert_int_equal(a.count, b.count);
    assert_int_equal(a.count, c.count);
    assert_memory_equal(a.items, b.items, a.count * sizeof(*a.items));
    assert_memory_equal(a.items, c.items, a.count * sizeof(*a.items));
    for (size_t i = 1; i < a.count; i++)
        assert_true(a.items[i - 1].score >= a.items[i].score);
    finish(&f);
}

/* ---- the same boxes as tests/data/detect/make.py finds ---- */

static const float *map_floats(fixture *f, const char *path, size_t *count)
{
    ork_file file;
    assert_true(ork_file_map(f->diag, path, &file));
    float *floats = ork_arena_alloc(f->arena, file.bytes.size);
    memcpy(floats, file.bytes.data, file.bytes.size);
    *count = file.bytes.size / sizeof(float);
    ork_file_unmap(&file);
    return floats;
}

static const float *expect_table(ork_boxes boxes, const float *table)
{
    assert_int_equal(boxes.count, (size_t)*table);
    table++;
    for (size_t i = 0; i < boxes.count; i++, table += 6) {
        assert_int_equal(boxes.items[i].class_id, (int)table[0]);
        assert_true(fabsf(boxes.items[i].score - table[1]) < 1e-5f);
        for (int c = 0; c < 4; c++)
            assert_true(fabsf(boxes.items[i].corners[c] - table[2 + c]) < 1e-2f);
    }
    return table;
}

static void test_equals_numpy(void **state)
{
    (void)state;
    fixture f = start();
    size_t value_count, table_count;
    const float *values = map_floats(&f, ORK_TEST_DATA "/detect/values.bin", &value_count);
    const float *table = map_floats(&f, ORK_TEST_DATA "/detect/boxes.bin", &table_count);
    const char *text = "graph \"flat\" imported {\n input %0 \"x\" f32[1x3x128x160]\n"
                       " const %1 \"w\" f32[24x3x1x1] zeros\n"
                       " %2 \"y\" f32[1x24x16x20] = conv2d(%0, %1, _) stride [8 8] "
                       "dilation [1 1] groups 1\n"
                       " const %3 \"rest\" f32[1x100x8] zeros\n"
                       " %4 \"flat\" f32[1x960x8] = reshape(%2) shape [1 960 8]\n"
                       " %5 \"part\" f32[1x320x8] = slice(%4) begin [0 0 0] end [1 320 8] "
                       "step [1 1 1]\n"
                       " %6 \"all\" f32[1x420x8] = concat(%5, %3) axis 1\n output %6\n}\n";
    f.graph = ork_graph_parse(f.diag, text, strlen(text));
    assert_non_null(f.graph);
    assert_true(ork_head_recognise(f.diag, f.arena, f.graph, &f.head));
    assert_int_equal(value_count, f.head.anchor_count * CHANNELS);
    for (int agnostic = 0; agnostic < 2; agnostic++) {
        ork_boxes boxes;
        assert_true(ork_head_decode(f.diag, f.arena, &f.head, &values, 0.2f, &boxes));
        ork_boxes_suppress(&boxes, 0.25f, agnostic, 1000);
        table = expect_table(boxes, table);
    }
    finish(&f);
}

/* ---- a real network's outputs, where they are there ---- */

static const float *read_output(fixture *f, const char *name)
{
    ork_file file;
    ork_tensor tensor;
    const char *path = ork_arena_printf(f->arena, "%s/models/yolox_nano/yolox_nano_coco_%s.npy",
                                        getenv("ORK_SHARED"), name);
    assert_true(ork_file_map(f->diag, path, &file));
    assert_true(ork_npy_read(f->diag, f->arena, file.bytes, &tensor));
    ork_file_unmap(&file);
    return tensor.data;
}

static void expect_same_boxes(const ork_boxes *a, const ork_boxes *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].class_id, b->items[i].class_id);
        assert_true(fabsf(a->items[i].score - b->items[i].score) < 1e-4f);
        for (int c = 0; c < 4; c++)
            assert_true(fabsf(a->items[i].corners[c] - b->items[i].corners[c]) < 0.05f);
    }
}

/* The same weights exported as maps, flattened, and decoded, on the same picture. */
static void test_exports_of_one_network_agree(void **state)
{
    (void)state;
    if (!getenv("ORK_SHARED"))
        skip();
    fixture f = start();
    f.width = f.height = 416;
    f.classes = 80;
    const float *maps[3] = {read_output(&f, "maps.out0"), read_output(&f, "maps.out1"),
                            read_output(&f, "maps.out2")};
    const float *flat = read_output(&f, "flat.out0"), *decoded = read_output(&f, "default.out0");
    ork_boxes a = boxes_of(&f, &(spelling){.sigmoid = true}, maps);
    assert_string_equal(f.head.description, "YOLOX, 3 maps, 80 classes, sigmoid inside");
    ork_boxes b = boxes_of(&f, &(spelling){.sigmoid = true, .flat = true}, &flat);
    ork_boxes c =
        boxes_of(&f, &(spelling){.sigmoid = true, .flat = true, .decoded = true}, &decoded);
    assert_in_range(a.count, 1, 1000);
    expect_same_boxes(&a, &b);
    expect_same_boxes(&a, &c);
    f.head.boxes_decoded = f.head.object_logits = f.head.class_logits = ORK_ANSWER_UNKNOWN;
    assert_true(ork_head_decode(f.diag, f.arena, &f.head, &decoded, 0.2f, &b));
    expect_same_boxes(&c, &b); /* the values tell the same as the graph */
    finish(&f);
}

/* ---- what is none ---- */

static void expect_refused(const char *text, const char *reason)
{
    fixture f = start();
    f.graph = ork_graph_parse(f.diag, text, strlen(text));
    assert_non_null(f.graph);
    assert_false(ork_head_recognise(f.diag, f.arena, f.graph, &f.head));
    const ork_error *error = ork_diag_error(f.diag);
    assert_string_equal(error->id, "E0901");
    assert_non_null(strstr(error->why, reason));
    assert_non_null(strstr(error->fix, "YOLOX"));
    finish(&f);
}

static void test_others_are_refused(void **state)
{
    (void)state;
    expect_refused("graph \"classifier\" imported {\n input %0 \"x\" f32[1x1000]\n"
                   " %1 \"y\" f32[1x1000] = softmax(%0) axis 1\n output %1\n}\n",
                   "a picture");
    expect_refused("graph \"classifier\" imported {\n input %0 \"x\" f32[1x3x32x32]\n"
                   " %1 \"y\" f32[1x3072] = reshape(%0) shape [1 3072]\n output %1\n}\n",
                   "no strides");
    expect_refused("graph \"one map\" imported {\n input %0 \"x\" f32[1x3x32x32]\n"
                   " const %1 \"w\" f32[8x3x1x1] zeros\n"
                   " %2 \"y\" f32[1x8x4x4] = conv2d(%0, %1, _) stride [8 8] dilation [1 1] "
                   "groups 1\n output %2\n}\n",
                   "no strides");
}

static void test_anchor_based_heads_are_refused(void **state)
{
    (void)state;
    fixture f = start();
    build(&f, &(spelling){.one_layer = true});
    assert_false(ork_head_recognise(f.diag, f.arena, f.graph, &f.head));
    assert_non_null(strstr(ork_diag_error(f.diag)->why, "anchors"));
    assert_non_null(strstr(ork_diag_error(f.diag)->what, "1x24x6x8"));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_any_order_of_maps),
        cmocka_unit_test(test_layouts_agree),
        cmocka_unit_test(test_equals_numpy),
        cmocka_unit_test(test_exports_of_one_network_agree),
        cmocka_unit_test(test_others_are_refused),
        cmocka_unit_test(test_anchor_based_heads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
