/* SPDX-License-Identifier: Apache-2.0 */
/* Einstein sums: products of tensors summed over the letters that the result does not have.
   Operands are joined from left to right, each pair as one matrix product. */
#include "build.h"

#include <string.h>

enum { MOST_LETTERS = 52 + ORK_MAX_RANK, FIRST_DOT = 52 };

typedef struct term {
    ork_value *value;
    int letters[ORK_MAX_RANK]; /* of each axis: 0..51, or FIRST_DOT and on for those of "..." */
    int count;
} term;

static int letter_of(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= 'A' && c <= 'Z' ? 26 + c - 'A' : -1;
}

static bool has(const term *t, int letter)
{
    for (int i = 0; i < t->count; i++)
        if (t->letters[i] == letter)
            return true;
    return false;
}

/* ---- the equation ---- */

/* Letters up to ',' or "->"; "..." stands for `dots` axes, the last of which is the same in all. */
static bool read_term(ork_build *build, const char **text, int dots, term *t)
{
    for (; **text && **text != ',' && **text != '-'; ++*text) {
        int letter = letter_of(**text), more = letter >= 0 ? 1 : 0;
        if (**text == ' ')
            continue;
        if (!strncmp(*text, "...", 3)) {
            *text += 2;
            more = dots;
            letter = FIRST_DOT + ORK_MAX_RANK - dots;
        }
        if (letter < 0 || t->count + more > ORK_MAX_RANK)
            return ork_build_unsupported(build, "the equation's '%s'", *text) != NULL;
        for (int i = 0; i < more; i++)
            t->letters[t->count++] = letter + i;
    }
    return true;
}

static int count_letters(const char *text)
{
    int count = 0;
    for (; *text && *text != ',' && *text != '-'; text++)
        count += letter_of(*text) >= 0;
    return count;
}

/* Without "->": the letters that occur once, in order of the alphabet, behind the dots. */
static void standard_result(const term *terms, int count, term *result)
{
    int times[MOST_LETTERS] = {0};
    for (int i = 0; i < count; i++)
        for (int k = 0; k < terms[i].count; k++)
            times[terms[i].letters[k]]++;
    for (int i = 0; i < MOST_LETTERS; i++) {
        int letter = (i + FIRST_DOT) % MOST_LETTERS;
        bool wanted = letter >= FIRST_DOT ? times[letter] > 0 : times[letter] == 1;
        if (wanted && result->count < ORK_MAX_RANK)
            result->letters[result->count++] = letter;
    }
}

static bool read_equation(ork_build *build, const char *text, ork_value *const *operands, int count,
                          term *terms, term *result)
{
    int most_dots = 0;
    for (int i = 0; i < count; i++) {
        terms[i].value = operands[i];
        int dots = operands[i]->type.shape.rank - count_letters(text);
        if (dots < 0)
            return ork_build_bad_shape(build, "more letters than axes in '%s'", text) != NULL;
        if (!read_term(build, &text, dots, &terms[i]))
            return false;
        if (terms[i].count != operands[i]->type.shape.rank || (i + 1 < count && *text++ != ','))
            return ork_build_bad_shape(build, "the equation does not fit the tensors") != NULL;
        most_dots = dots > most_dots ? dots : most_dots;
    }
    if (text[0] == '-' && text[1] == '>') {
        text += 2;
        return read_term(build, &text, most_dots, result);
    }
    standard_result(terms, count, result);
    return true;
}

/* ---- one tensor ---- */

static int64_t size_of(const term *t, int letter)
{
    for (int i = 0; i < t->count; i++)
        if (t->letters[i] == letter)
            return t->value->type.shape.dim[i];
    return 1;
}

/* A letter that stands twice takes the diagonal. */
static bool take_diagonals(ork_build *build, term *t)
{
    for (int a = 0; a < t->count; a++) {
        for (int b = a + 1; b < t->count; b++) {
            if (t->letters[a] != t->letters[b])
                continue;
            t->value = ork_build_diagonal(build, t->value, a, b, 0);
            if (!t->value)
                return false;
            int letter = t->letters[a]; /* the diagonal is the last axis */
            memmove(t->letters + b, t->letters + b + 1, (size_t)(t->count - b - 1) * sizeof(int));
            memmove(t->letters + a, t->letters + a + 1, (size_t)(t->count - a - 2) * sizeof(int));
            t->letters[--t->count - 1] = letter;
            a = -1;
            break;
        }
    }
    return true;
}

/* Sums over the letters that neither the result nor another term has. */
static bool sum_own(ork_build *build, term *t, const term *others, int count, const term *result)
{
    ork_ints axes = {0};
    int kept = 0;
    for (int i = 0; i < t->count; i++) {
        bool needed = has(result, t->letters[i]);
        for (int k = 0; k < count; k++)
            needed = needed || has(&others[k], t->letters[i]);
        if (needed)
            t->letters[kept++] = t->letters[i];
        else
            axes.v[axes.count++] = i;
    }
    t->count = kept;
    if (axes.count > 0)
        t->value = ork_build_reduce(build, ORK_OP_REDUCE_SUM, t->value, &axes, false);
    return t->value != NULL;
}

/* Axes in the order of `letters`, those that the tensor does not have as 1. */
static ork_value *arranged(ork_build *build, const term *t, const int *letters, int count)
{
    int perm[ORK_MAX_RANK], used = 0;
    ork_shape shape = {.rank = count};
    for (int i = 0; i < count; i++) {
        shape.dim[i] = size_of(t, letters[i]);
        for (int k = 0; k < t->count; k++)
            if (t->letters[k] == letters[i])
                perm[used++] = k;
    }
    return ork_build_reshape(build, ork_build_transpose(build, t->value, perm), &shape);
}

/* ---- two tensors ---- */

typedef struct groups {
    int batch[ORK_MAX_RANK], left[ORK_MAX_RANK], right[ORK_MAX_RANK], summed[ORK_MAX_RANK];
    int batches, lefts, rights, sums;
} groups;

static void put(int letter, int *list, int *count)
{
    list[(*count)++] = letter;
}

/* Letters of both are of the batch, or are summed over when nobody needs them afterwards. */
static void sort_letters(const term *a, const term *b, const term *rest, int count,
                         const term *result, groups *g)
{
    for (int i = 0; i < a->count; i++) {
        int letter = a->letters[i];
        bool needed = has(result, letter);
        for (int k = 0; k < count; k++)
            needed = needed || has(&rest[k], letter);
        if (!has(b, letter))
            put(letter, g->left, &g->lefts);
        else if (needed || size_of(a, letter) != size_of(b, letter))
            put(letter, g->batch, &g->batches);
        else
            put(letter, g->summed, &g->sums);
    }
    for (int i = 0; i < b->count; i++)
        if (!has(a, b->letters[i]))
            put(b->letters[i], g->right, &g->rights);
}

/* [batch..., rows, columns], rows and columns each the product of a group. */
static ork_value *as_matrix(ork_build *build, const term *t, const groups *g, const int *rows,
                            int row_count, const int *columns, int column_count)
{
    int letters[3 * ORK_MAX_RANK], count = g->batches;
    ork_shape shape = {.rank = g->batches + 2};
    if (g->batches + row_count + column_count > ORK_MAX_RANK || shape.rank > ORK_MAX_RANK)
        return ork_build_unsupported(build, "more than %d axes", ORK_MAX_RANK);
    for (int i = 0; i < g->batches; i++) {
        letters[i] = g->batch[i];
        shape.dim[i] = size_of(t, g->batch[i]);
    }
    shape.dim[g->batches] = shape.dim[g->batches + 1] = 1;
    for (int i = 0; i < row_count; i++) {
        letters[count++] = rows[i];
        shape.dim[g->batches] *= size_of(t, rows[i]);
    }
    for (int i = 0; i < column_count; i++) {
        letters[count++] = columns[i];
        shape.dim[g->batches + 1] *= size_of(t, columns[i]);
    }
    return ork_build_reshape(build, arranged(build, t, letters, count), &shape);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* a becomes the product of both. */
static bool join(ork_build *build, term *a, const term *b, const term *rest, int count,
                 const term *result)
{
    groups g = {0};
    sort_letters(a, b, rest, count, result, &g);
    ork_value *left = as_matrix(build, a, &g, g.left, g.lefts, g.summed, g.sums);
    ork_value *right = as_matrix(build, b, &g, g.summed, g.sums, g.right, g.rights);
    ork_value *product = NULL;
    if (left && right)
        product = ork_build_add2(build, g.sums > 0 ? ORK_OP_MATMUL : ORK_OP_MUL, left, right);
    if (g.batches + g.lefts + g.rights > ORK_MAX_RANK)
        return ork_build_unsupported(build, "more than %d axes", ORK_MAX_RANK) != NULL;
    term joined = {0};
    ork_shape shape = {0};
    for (int i = 0; i < g.batches; i++) {
        shape.dim[shape.rank++] = larger(size_of(a, g.batch[i]), size_of(b, g.batch[i]));
        put(g.batch[i], joined.letters, &joined.count);
    }
    for (int i = 0; i < g.lefts; i++) {
        shape.dim[shape.rank++] = size_of(a, g.left[i]);
        put(g.left[i], joined.letters, &joined.count);
    }
    for (int i = 0; i < g.rights; i++) {
        shape.dim[shape.rank++] = size_of(b, g.right[i]);
        put(g.right[i], joined.letters, &joined.count);
    }
    joined.value = ork_build_reshape(build, product, &shape);
    *a = joined;
    return a->value != NULL;
}

ork_value *ork_build_einsum(ork_build *build, const char *equation, ork_value *const *operands,
                            int count)
{
    if (count < 1 || count > 64)
        return ork_build_unsupported(build, "%d tensors", count);
    for (int i = 0; i < count; i++)
        if (!operands[i])
            return NULL;
    term *terms = ORK_NEW_ARRAY(build->arena, term, (size_t)count), result = {0};
    if (!read_equation(build, equation, operands, count, terms, &result))
        return NULL;
    for (int i = 0; i < count; i++)
        if (!take_diagonals(build, &terms[i]))
            return NULL;
    for (int i = 1; i < count; i++) {
        if (!sum_own(build, &terms[0], terms + i, count - i, &result) ||
            !join(build, &terms[0], &terms[i], terms + i + 1, count - i - 1, &result))
            return NULL;
    }
    if (!sum_own(build, &terms[0], NULL, 0, &result))
        return NULL;
    return arranged(build, &terms[0], result.letters, result.count);
}
