/* SPDX-License-Identifier: Apache-2.0 */
/* Changing graphs keeps uses and names right; folding computes what the frameworks compute. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_replace_moves_uses_and_output_names(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_new("g");
    ork_type type = ork_type_of(ORK_F32, 2, (int64_t[]){2, 3});
    ork_value *x = ork_graph_add_input(graph, "x", &type);
    ork_value *a = ork_graph_add1(graph, diag, ORK_OP_RELU, NULL, x, "a");
    ork_value *b = ork_graph_add1(graph, diag, ORK_OP_TANH, NULL, a, "b");
    ork_value *c = ork_graph_add2(graph, diag, ORK_OP_ADD, NULL, b, b, "c");
    ork_graph_add_output(graph, b);
    ork_graph_add_output(graph, c);
    assert_int_equal(b->uses.count, 2);
    assert_null(ork_value_single_user(b));
    ork_graph_replace(graph, b, a);
    assert_int_equal(b->uses.count, 0);
    assert_string_equal(a->name, "b"); /* the output keeps its name */
    assert_int_equal(ork_graph_remove_dead(graph), 1);
    assert_int_equal(graph->node_count, 2);
    assert_true(ork_graph_verify(graph, diag));
    assert_ptr_equal(ork_graph_find(graph, "b"), a);
    ork_graph_free(graph);
    ork_diag_free(diag);
}

/* A list of users that is one short, names one twice, or names a wrong place is found. */
static void test_wrong_users_are_found(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_new("g");
    ork_type type = ork_type_of(ORK_F32, 1, (int64_t[]){3});
    ork_value *x = ork_graph_add_input(graph, "x", &type);
    ork_graph_add_output(graph, ork_graph_add2(graph, diag, ORK_OP_ADD, NULL, x, x, "y"));
    assert_true(ork_graph_verify(graph, diag));
    x->uses.count = 1;
    assert_false(ork_graph_verify(graph, diag));
    x->uses.count = 2;
    x->uses.items[1].port = x->uses.items[0].port;
    assert_false(ork_graph_verify(graph, diag));
    x->uses.items[1].port = 2;
    assert_false(ork_graph_verify(graph, diag));
    x->uses.items[1].port = 1 - x->uses.items[0].port;
    assert_true(ork_graph_verify(graph, diag));
    ork_graph_free(graph);
    ork_diag_free(diag);
}

static void test_names_are_made_unique(void **state)
{
    (void)state;
    ork_graph *graph = ork_graph_new("g");
    ork_type type = ork_type_of(ORK_F32, 0, NULL);
    assert_string_equal(ork_graph_add_input(graph, "x", &type)->name, "x");
    assert_string_equal(ork_graph_add_input(graph, "x", &type)->name, "x_1");
    assert_string_equal(ork_graph_add_input(graph, "x_1", &type)->name, "x_1_1");
    assert_string_equal(ork_graph_add_input(graph, "x", &type)->name, "x_2");
    /* whatever byte a name begins with, it is only a name */
    assert_null(ork_graph_find(graph, "\x01x"));
    assert_string_equal(ork_graph_add_input(graph, "\x01x", &type)->name, "\x01x");
    assert_string_equal(ork_graph_add_input(graph, "x", &type)->name, "x_3");
    ork_graph_free(graph);
}

/* Users come and go in no order; each end of a use knows the other all the time. */
static void test_many_users(void **state)
{
    (void)state;
    enum { USERS = 50 };
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_new("g");
    ork_type type = ork_type_of(ORK_F32, 1, (int64_t[]){3});
    ork_value *x = ork_graph_add_input(graph, "x", &type);
    ork_value *y = ork_graph_add_input(graph, "y", &type);
    ork_value *sum[USERS];
    for (int i = 0; i < USERS; i++)
        sum[i] = ork_graph_add2(graph, diag, ORK_OP_ADD, NULL, x, i % 3 ? x : y, NULL);
    for (int i = 0; i < USERS; i++) {
        int at = i * 7 % USERS;
        if (i % 2)
            ork_node_set_input(graph, sum[at]->producer, i % 3 == 0, y);
        if (i % 5 == 0)
            ork_graph_add_output(graph, sum[at]);
        assert_true(ork_graph_verify(graph, diag));
    }
    ork_graph_add_output(graph, sum[0]); /* once more */
    ork_graph_replace(graph, x, y);
    assert_int_equal(x->uses.count, 0);
    assert_int_equal(y->uses.count, 2 * USERS);
    assert_true(ork_graph_verify(graph, diag));
    assert_int_equal(ork_graph_remove_dead(graph), USERS - 10);
    assert_int_equal(y->uses.count, 2 * 10);
    assert_true(ork_graph_verify(graph, diag));
    ork_graph_replace(graph, sum[0], x);
    assert_false(ork_value_is_output(sum[0]));
    assert_ptr_equal(graph->outputs.items[10], x);
    assert_int_equal(x->places.count, 2);
    assert_true(ork_graph_verify(graph, diag));
    y->uses.items[0] = y->uses.items[1]; /* a fault of ours would be found */
    assert_false(ork_graph_verify(graph, diag));
    ork_graph_free(graph);
    ork_diag_free(diag);
}

typedef struct folder {
    ork_graph *graph;
    ork_diag *diag;
} folder;

static ork_value *ints(folder *f, int count, const int64_t *values)
{
    ork_type type = ork_type_of(ORK_I64, 1, (int64_t[]){count});
    int64_t *data = ork_graph_alloc(f->graph, f->diag, (size_t)count * 8);
    memcpy(data, values, (size_t)count * 8);
    return ork_graph_add_constant(f->graph, "c", &type, data);
}

static void expect_ints(folder *f, ork_op op, const ork_attrs *attrs, ork_value *a, ork_value *b,
                        int count, const int64_t *expected)
{
    ork_value *inputs[] = {a, b};
    ork_value *y = ork_graph_add_folded(f->graph, f->diag, op, attrs, inputs, b ? 2 : 1, NULL);
    assert_non_null(y);
    assert_int_equal(y->kind, ORK_VALUE_CONSTANT);
    assert_int_equal(ork_shape_count(&y->type.shape), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(ork_element_get_int(y->type.dtype, y->data, i), expected[i]);
}

static void test_folding(void **state)
{
    (void)state;
    folder f = {ork_graph_new("g"), ork_diag_new()};
    ork_value *a = ints(&f, 4, (int64_t[]){7, -7, 7, INT64_MAX});
    ork_value *b = ints(&f, 4, (int64_t[]){2, 2, -2, 1});
    expect_ints(&f, ORK_OP_ADD, NULL, a, b, 4, (int64_t[]){9, -5, 5, INT64_MIN});
    expect_ints(&f, ORK_OP_DIV, NULL, a, b, 4, (int64_t[]){3, -3, -3, INT64_MAX});
    expect_ints(&f, ORK_OP_FLOOR_DIV, NULL, a, b, 4, (int64_t[]){3, -4, -4, INT64_MAX});
    expect_ints(&f, ORK_OP_REMAINDER, NULL, a, b, 4, (int64_t[]){1, 1, -1, 0});
    expect_ints(&f, ORK_OP_LESS, NULL, a, b, 4, (int64_t[]){0, 1, 0, 0});

    ork_attrs reshape = {.reshape = {.shape = {2, {2, 2}}}};
    ork_value *m = ork_graph_add_folded(f.graph, f.diag, ORK_OP_RESHAPE, &reshape, &b, 1, NULL);
    ork_attrs transpose = {.transpose = {.perm = {2, {1, 0}}}};
    expect_ints(&f, ORK_OP_TRANSPOSE, &transpose, m, NULL, 4, (int64_t[]){2, -2, 2, 1});
    ork_attrs slice = {.slice = {.begin = {2, {0, 1}}, .end = {2, {2, 2}}, .step = {2, {1, 1}}}};
    expect_ints(&f, ORK_OP_SLICE, &slice, m, NULL, 2, (int64_t[]){2, 1});
    ork_attrs concat = {.concat = {.axis = 1}};
    expect_ints(&f, ORK_OP_CONCAT, &concat, m, m, 8, (int64_t[]){2, 2, 2, 2, -2, 1, -2, 1});
    ork_attrs expand = {.expand = {.shape = {3, {2, 2, 2}}}};
    expect_ints(&f, ORK_OP_EXPAND, &expand, m, NULL, 8, (int64_t[]){2, 2, -2, 1, 2, 2, -2, 1});
    ork_attrs pad = {.pad = {.before = {2, {0, 1}}, .after = {2, {0, 1}}, .mode = 1}};
    expect_ints(&f, ORK_OP_PAD, &pad, m, NULL, 8, (int64_t[]){2, 2, 2, 2, 1, -2, 1, -2});
    ork_attrs sum = {.reduce_sum = {.axes = {1, {0}}, .keep_dims = false}};
    expect_ints(&f, ORK_OP_REDUCE_SUM, &sum, m, NULL, 2, (int64_t[]){0, 3});
    ork_attrs gather = {.gather = {.axis = 0}};
    expect_ints(&f, ORK_OP_GATHER, &gather, a, ints(&f, 2, (int64_t[]){1, -2}), 2,
                (int64_t[]){-7, 7});
    ork_value *inputs[] = {a, ints(&f, 1, (int64_t[]){9})};
    assert_null(ork_graph_add_folded(f.graph, f.diag, ORK_OP_GATHER, &gather, inputs, 2, NULL));
    assert_string_equal(ork_diag_error(f.diag)->id, "E0208");
    ork_graph_free(f.graph);
    ork_diag_free(f.diag);
}

static void expect_scatter(folder *f, int mode, const int64_t expected[5])
{
    ork_attrs attrs = {.scatter.mode = mode};
    ork_value *inputs[] = {ints(f, 5, (int64_t[]){1, 2, 3, 4, INT64_MAX}),
                           ints(f, 5, (int64_t[]){0, 0, -1, 2, 9}), /* 9 is outside */
                           ints(f, 5, (int64_t[]){7, 5, 3, -2, 100})};
    ork_value *y = ork_graph_add_folded(f->graph, f->diag, ORK_OP_SCATTER, &attrs, inputs, 3, NULL);
    assert_non_null(y);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ork_element_get_int(y->type.dtype, y->data, i), expected[i]);
}

static void test_folding_along_an_axis(void **state)
{
    (void)state;
    folder f = {ork_graph_new("g"), ork_diag_new()};
    ork_value *a = ints(&f, 6, (int64_t[]){3, 9, -4, 9, 3, INT64_MIN});
    ork_attrs first = {0}, last = {.arg_max.last = true};
    expect_ints(&f, ORK_OP_ARG_MAX, &first, a, NULL, 1, (int64_t[]){1});
    expect_ints(&f, ORK_OP_ARG_MAX, &last, a, NULL, 1, (int64_t[]){3});
    expect_ints(&f, ORK_OP_ARG_MIN, &first, a, NULL, 1, (int64_t[]){5});
    ork_attrs most = {.top_k.k = 5}, least = {.top_k.k = 3, .top_k.least = true};
    expect_ints(&f, ORK_OP_TOP_K, &most, a, NULL, 5, (int64_t[]){1, 3, 0, 4, 2});
    expect_ints(&f, ORK_OP_TOP_K, &least, a, NULL, 3, (int64_t[]){5, 2, 0});

    ork_attrs plain = {0}, exclusive = {.cum_sum.exclusive = true};
    ork_attrs backward = {.cum_sum.exclusive = true, .cum_sum.reverse = true};
    ork_value *b = ints(&f, 4, (int64_t[]){2, 3, -5, 4});
    expect_ints(&f, ORK_OP_CUM_SUM, &plain, b, NULL, 4, (int64_t[]){2, 5, 0, 4});
    expect_ints(&f, ORK_OP_CUM_SUM, &exclusive, b, NULL, 4, (int64_t[]){0, 2, 5, 0});
    expect_ints(&f, ORK_OP_CUM_SUM, &backward, b, NULL, 4, (int64_t[]){2, -1, 4, 0});
    expect_ints(&f, ORK_OP_CUM_PROD, &backward, b, NULL, 4, (int64_t[]){-60, -20, 4, 1});
    ork_attrs all = {.reduce_prod.axes = {1, {0}}};
    expect_ints(&f, ORK_OP_REDUCE_PROD, &all, b, NULL, 1, (int64_t[]){-120});
    ork_value *c = ints(&f, 4, (int64_t[]){6, -1, 7, INT64_MIN});
    expect_ints(&f, ORK_OP_FMOD, NULL, c, b, 4, (int64_t[]){0, -1, 2, 0});
    expect_ints(&f, ORK_OP_BIT_AND, NULL, c, b, 4, (int64_t[]){2, 3, 3, 0});
    expect_ints(&f, ORK_OP_BIT_XOR, NULL, c, b, 4, (int64_t[]){4, -4, -4, INT64_MIN + 4});

    expect_scatter(&f, ORK_SCATTER_SET, (int64_t[]){5, 2, -2, 4, 3});
    expect_scatter(&f, ORK_SCATTER_ADD, (int64_t[]){13, 2, 1, 4, INT64_MIN + 2});
    expect_scatter(&f, ORK_SCATTER_MUL, (int64_t[]){35, 2, -6, 4, INT64_MAX - 2});
    expect_scatter(&f, ORK_SCATTER_MAX, (int64_t[]){7, 2, 3, 4, INT64_MAX});
    expect_scatter(&f, ORK_SCATTER_MIN, (int64_t[]){1, 2, -2, 4, 3});
    ork_graph_free(f.graph);
    ork_diag_free(f.diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace_moves_uses_and_output_names),
        cmocka_unit_test(test_wrong_users_are_found),
        cmocka_unit_test(test_names_are_made_unique),
        cmocka_unit_test(test_many_users),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_folding_along_an_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
