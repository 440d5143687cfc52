/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of method texts. torch.jit.trace writes assignments, unpackings and returns of nested
   calls; in functions that were scripted there are branches and loops too. Other control flow is
   told apart, so that the reader can say "this was scripted"; the rest is an error with file and
   line. */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 100, MAX_SLOTS = 1 << 20 };

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_NAME,
    TOKEN_INTEGER,
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_SYMBOL, /* one character, or "->" as '>' */
    TOKEN_BAD,
} token_kind;

typedef struct token {
    token_kind kind;
    const char *begin, *end;
    char symbol;
    uint32_t line;
} token;

typedef struct parser {
    ork_diag *diag;
    ork_arena *arena;
    const char *file;
    const char *at, *end;
    uint32_t line;
    const char *line_begin;
    int brackets; /* newlines inside of brackets do not end a statement */
    int depth;
    token token;
    ork_map *locals; /* name -> slot + 1 */
    int slot_count;
} parser;

/* ---- tokens ---------------------------------------------------------------------------- */

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_blanks(parser *p)
{
    while (p->at < p->end) {
        if (*p->at == '\n' && p->brackets > 0) {
            p->line++;
            p->line_begin = p->at + 1;
        } else if (*p->at == '#')
            while (p->at + 1 < p->end && p->at[1] != '\n')
                p->at++;
        else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r')
            return;
        p->at++;
    }
}

static token_kind scan_digits(parser *p)
{
    token_kind kind = TOKEN_INTEGER;
    while (p->at < p->end) {
        char c = *p->at;
        bool is_sign = (c == '-' || c == '+') && (p->at[-1] == 'e' || p->at[-1] == 'E');
        if (c == '.' || c == 'e' || c == 'E' || is_sign)
            kind = TOKEN_NUMBER;
        else if (c == 'j')
            kind = TOKEN_BAD; /* complex */
        else if (!is_digit(c))
            break;
        p->at++;
    }
    return kind;
}

static token_kind scan_text(parser *p)
{
    char quote = *p->at++;
    while (p->at < p->end && *p->at != quote && *p->at != '\n')
        p->at += *p->at == '\\' && p->at + 1 < p->end ? 2 : 1;
    if (p->at >= p->end || *p->at != quote)
        return TOKEN_BAD;
    p->at++;
    return TOKEN_TEXT;
}

static token_kind scan_symbol(parser *p)
{
    char c = *p->at++;
    p->token.symbol = c;
    if (c == '-' && p->at < p->end && *p->at == '>') {
        p->at++;
        p->token.symbol = '>';
    } else if (strchr("([{", c) != NULL) {
        p->brackets++;
    } else if (strchr(")]}", c) != NULL) {
        p->brackets -= p->brackets > 0;
    } else if (strchr(",.:=-", c) == NULL) {
        return TOKEN_BAD;
    }
    return TOKEN_SYMBOL;
}

static void advance(parser *p)
{
    skip_blanks(p);
    p->token = (token){.begin = p->at, .line = p->line};
    if (p->at >= p->end) {
        p->token.kind = TOKEN_END;
    } else if (*p->at == '\n') {
        p->token.kind = TOKEN_NEWLINE;
        p->at++;
        p->line++;
        p->line_begin = p->at;
    } else if (is_name_start(*p->at)) {
        while (p->at < p->end && (is_name_start(*p->at) || is_digit(*p->at)))
            p->at++;
        p->token.kind = TOKEN_NAME;
    } else if (is_digit(*p->at) || (*p->at == '.' && p->at + 1 < p->end && is_digit(p->at[1]))) {
        p->token.kind = scan_digits(p);
    } else if (*p->at == '"' || *p->at == '\'') {
        p->token.kind = scan_text(p);
    } else if (*p->at == '\0') {
        p->token.kind = TOKEN_BAD;
    } else {
        p->token.kind = scan_symbol(p);
    }
    p->token.end = p->at < p->end ? p->at : p->end;
}

static bool is_symbol(const parser *p, char symbol)
{
    return p->token.kind == TOKEN_SYMBOL && p->token.symbol == symbol;
}

static bool is_word(const parser *p, const char *word)
{
    size_t length = (size_t)(p->token.end - p->token.begin);
    return p->token.kind == TOKEN_NAME && strlen(word) == length &&
           !memcmp(p->token.begin, word, length);
}

static bool accept(parser *p, char symbol)
{
    if (!is_symbol(p, symbol))
        return false;
    advance(p);
    return true;
}

static bool fail_at_token(parser *p, const char *expected)
{
    int length = (int)ork_min_size((size_t)(p->token.end - p->token.begin), 40);
    if (p->token.kind == TOKEN_NEWLINE || p->token.kind == TOKEN_END)
        ork_fail(p->diag, ORK_ERR_TORCH_CODE, "the line ends where %s should stand", expected);
    else
        ork_fail(p->diag, ORK_ERR_TORCH_CODE, "'%.*s' stands where %s should stand", length,
                 p->token.begin, expected);
    ork_where(p->diag, "%s:%u", p->file, p->token.line);
    return ork_why(p->diag, "torch.jit.trace does not write such code");
}

static bool expect(parser *p, char symbol)
{
    const char text[] = {'\'', symbol, '\'', '\0'};
    return accept(p, symbol) || fail_at_token(p, text);
}

static const char *token_text(const parser *p)
{
    return ork_arena_strndup(p->arena, p->token.begin, (size_t)(p->token.end - p->token.begin));
}

/* ---- expressions ----------------------------------------------------------------------- */

static ork_torch_expr *parse_expr(parser *p);

static ork_torch_expr *new_expr(parser *p, ork_torch_expr_kind kind)
{
    ork_torch_expr *expr = ORK_NEW(p->arena, ork_torch_expr);
    expr->kind = kind;
    expr->line = p->token.line;
    return expr;
}

static int octal_or_letter(char c)
{
    static const char letters[] = "n\nt\tr\ra\ab\bf\fv\v";
    for (size_t i = 0; i + 1 < sizeof(letters); i += 2)
        if (letters[i] == c)
            return letters[i + 1];
    return c;
}

/* Strings are escaped as in C: \n, \", \\ and three octal digits. */
static const char *unescape(parser *p)
{
    const char *from = p->token.begin + 1, *end = p->token.end - 1;
    char *text = ork_arena_alloc(p->arena, (size_t)(end - from) + 1);
    char *to = text;
    while (from < end) {
        if (*from != '\\' || from + 1 >= end) {
            *to++ = *from++;
        } else if (end - from > 3 && from[1] >= '0' && from[1] <= '3') {
            *to++ =
                (char)((from[1] - '0') * 64 + ((from[2] - '0') & 7) * 8 + ((from[3] - '0') & 7));
            from += 4;
        } else {
            *to++ = (char)octal_or_letter(from[1]);
            from += 2;
        }
    }
    return text;
}

static ork_torch_expr *parse_integer(parser *p)
{
    ork_torch_expr *expr = new_expr(p, ORK_TORCH_INTEGER);
    const char *text = token_text(p);
    errno = 0;
    expr->integer = strtoll(text, NULL, 10);
    if (errno == ERANGE) { /* only -2^63 is written with this many digits */
        if (strcmp(text, "9223372036854775808") != 0) {
            fail_at_token(p, "a number of 64 bits");
            return NULL;
        }
        expr->integer = INT64_MIN;
    }
    advance(p);
    return expr;
}

static ork_torch_expr *parse_word(parser *p)
{
    static const struct {
        const char *word;
        ork_torch_expr_kind kind;
    } words[] = {{"True", ORK_TORCH_TRUE}, {"False", ORK_TORCH_FALSE}, {"None", ORK_TORCH_NOTHING}};
    ork_torch_expr *expr = new_expr(p, ORK_TORCH_GLOBAL);
    for (size_t i = 0; i < ORK_COUNT(words); i++)
        if (is_word(p, words[i].word))
            expr->kind = words[i].kind;
    expr->text = token_text(p);
    void *slot = ork_map_get(p->locals, expr->text);
    if (expr->kind == ORK_TORCH_GLOBAL && slot != NULL) {
        expr->kind = ORK_TORCH_LOCAL;
        expr->slot = (int)(intptr_t)slot - 1;
    }
    advance(p);
    return expr;
}

/* Items up to `close`; *trailing tells whether a comma follows the last one. */
static bool parse_items(parser *p, ork_torch_expr *into, char close, bool *trailing)
{
    *trailing = false;
    while (!is_symbol(p, close)) {
        ork_torch_expr *item = parse_expr(p);
        if (item == NULL)
            return false;
        ork_vec_push(p->arena, &into->items, item);
        *trailing = accept(p, ',');
        if (!*trailing)
            break;
    }
    return expect(p, close);
}

static ork_torch_expr *parse_list(parser *p)
{
    ork_torch_expr *list = new_expr(p, ORK_TORCH_LISTING);
    bool trailing;
    advance(p);
    return parse_items(p, list, ']', &trailing) ? list : NULL;
}

/* "(e)" is e, "()", "(e,)" and "(a, b)" are tuples. */
static ork_torch_expr *parse_parenthesis(parser *p)
{
    ork_torch_expr *tuple = new_expr(p, ORK_TORCH_TUPLING);
    bool trailing;
    advance(p);
    if (!parse_items(p, tuple, ')', &trailing))
        return NULL;
    return tuple->items.count == 1 && !trailing ? tuple->items.items[0] : tuple;
}

static ork_torch_expr *parse_dict(parser *p)
{
    ork_torch_expr *dict = new_expr(p, ORK_TORCH_DICTING);
    advance(p);
    while (!is_symbol(p, '}')) {
        ork_torch_expr *key = parse_expr(p);
        if (key == NULL || !expect(p, ':'))
            return NULL;
        ork_torch_expr *value = parse_expr(p);
        if (value == NULL)
            return NULL;
        ork_vec_push(p->arena, &dict->items, key);
        ork_vec_push(p->arena, &dict->items, value);
        if (!accept(p, ','))
            break;
    }
    return expect(p, '}') ? dict : NULL;
}

static ork_torch_expr *parse_negative(parser *p)
{
    ork_torch_expr *expr = new_expr(p, ORK_TORCH_NEGATIVE);
    advance(p);
    expr->object = parse_expr(p);
    return expr->object != NULL ? expr : NULL;
}

static ork_torch_expr *parse_atom(parser *p)
{
    ork_torch_expr *expr = NULL;
    switch (p->token.kind) {
    case TOKEN_NAME:
        return parse_word(p);
    case TOKEN_INTEGER:
        return parse_integer(p);
    case TOKEN_NUMBER:
        expr = new_expr(p, ORK_TORCH_NUMBER);
        expr->number = strtod(token_text(p), NULL);
        advance(p);
        return expr;
    case TOKEN_TEXT:
        expr = new_expr(p, ORK_TORCH_TEXT);
        expr->text = unescape(p);
        advance(p);
        return expr;
    case TOKEN_SYMBOL:
        if (is_symbol(p, '['))
            return parse_list(p);
        if (is_symbol(p, '('))
            return parse_parenthesis(p);
        if (is_symbol(p, '{'))
            return parse_dict(p);
        if (is_symbol(p, '-'))
            return parse_negative(p);
        break;
    default:
        break;
    }
    fail_at_token(p, "a value");
    return NULL;
}

/* NAME "=" in an argument list is a keyword; a keyword's name is never a local. */
static bool parse_argument(parser *p, ork_torch_expr *call, size_t *capacity)
{
    ork_torch_expr *item = parse_expr(p);
    const char *keyword = NULL;
    if (item != NULL && is_symbol(p, '=')) {
        if (item->kind != ORK_TORCH_GLOBAL && item->kind != ORK_TORCH_LOCAL)
            return fail_at_token(p, "','");
        keyword = item->text;
        advance(p);
        item = parse_expr(p);
    }
    if (item == NULL)
        return false;
    ork_vec_push(p->arena, &call->items, item);
    ork_vec_reserve(p->arena, (void **)&call->keywords, capacity, call->items.count,
                    sizeof(*call->keywords));
    call->keywords[call->items.count - 1] = keyword;
    return true;
}

static ork_torch_expr *parse_call(parser *p, ork_torch_expr *callee)
{
    ork_torch_expr *call = new_expr(p, ORK_TORCH_CALLING);
    call->object = callee;
    size_t capacity = 0;
    advance(p);
    while (!is_symbol(p, ')')) {
        if (!parse_argument(p, call, &capacity))
            return NULL;
        if (!accept(p, ','))
            break;
    }
    return expect(p, ')') ? call : NULL;
}

static ork_torch_expr *parse_attribute(parser *p, ork_torch_expr *object)
{
    advance(p);
    if (p->token.kind != TOKEN_NAME) {
        fail_at_token(p, "a name");
        return NULL;
    }
    ork_torch_expr *expr = object;
    if (object->kind == ORK_TORCH_GLOBAL) {
        object->text = ork_arena_printf(p->arena, "%s.%.*s", object->text,
                                        (int)(p->token.end - p->token.begin), p->token.begin);
    } else {
        expr = new_expr(p, ORK_TORCH_ATTRIBUTE);
        expr->object = object;
        expr->text = token_text(p);
    }
    advance(p);
    return expr;
}

static ork_torch_expr *parse_subscript(parser *p, ork_torch_expr *object)
{
    ork_torch_expr *expr = new_expr(p, ORK_TORCH_SUBSCRIPT);
    bool trailing;
    advance(p);
    expr->object = object;
    if (!parse_items(p, expr, ']', &trailing))
        return NULL;
    if (expr->items.count == 0) {
        fail_at_token(p, "an index");
        return NULL;
    }
    return expr;
}

static ork_torch_expr *parse_postfix(parser *p)
{
    ork_torch_expr *expr = parse_atom(p);
    /* Chains grow without recursion here, but whoever walks them recurses. */
    for (int length = 0; expr != NULL; length++) {
        if (length > MAX_DEPTH) {
            fail_at_token(p, "the end of the expression");
            return NULL;
        }
        if (is_symbol(p, '.'))
            expr = parse_attribute(p, expr);
        else if (is_symbol(p, '('))
            expr = parse_call(p, expr);
        else if (is_symbol(p, '['))
            expr = parse_subscript(p, expr);
        else
            break;
    }
    return expr;
}

static ork_torch_expr *parse_expr(parser *p)
{
    if (p->depth >= MAX_DEPTH) {
        fail_at_token(p, "less nesting");
        return NULL;
    }
    p->depth++;
    ork_torch_expr *expr = parse_postfix(p);
    p->depth--;
    return expr;
}

/* ---- statements ------------------------------------------------------------------------ */

static bool add_slot(parser *p, const char *name, int *slot)
{
    void *known = ork_map_get(p->locals, name);
    *slot = known != NULL ? (int)(intptr_t)known - 1 : p->slot_count++;
    if (known == NULL)
        ork_map_set(p->locals, name, (void *)(intptr_t)(*slot + 1));
    return p->slot_count < MAX_SLOTS || fail_at_token(p, "fewer names");
}

static const char *control_flow_word(const parser *p)
{
    static const char *const words[] = {"with",   "def", "class",    "raise",
                                        "assert", "try", "continue", "break"};
    for (size_t i = 0; i < ORK_COUNT(words); i++)
        if (is_word(p, words[i]))
            return words[i];
    return NULL;
}

/* What stands left of "=" was parsed as an expression; only names can be assigned to. */
static bool take_target(parser *p, ork_torch_statement *statement, const ork_torch_expr *expr)
{
    int slot;
    bool is_name = (expr->kind == ORK_TORCH_GLOBAL && strchr(expr->text, '.') == NULL) ||
                   expr->kind == ORK_TORCH_LOCAL;
    if (!is_name)
        return fail_at_token(p, "an assignment to a name");
    if (!add_slot(p, expr->text, &slot))
        return false;
    ork_vec_push(p->arena, &statement->targets, slot);
    return true;
}

/* "a, b" without brackets, as loops hand on their values. */
static ork_torch_expr *parse_open_tuple(parser *p)
{
    ork_torch_expr *expr = parse_expr(p);
    if (expr == NULL || !is_symbol(p, ','))
        return expr;
    ork_torch_expr *tuple = new_expr(p, ORK_TORCH_TUPLING);
    ork_vec_push(p->arena, &tuple->items, expr);
    while (accept(p, ',')) {
        expr = parse_expr(p);
        if (expr == NULL)
            return NULL;
        ork_vec_push(p->arena, &tuple->items, expr);
    }
    return tuple;
}

static bool parse_assignment(parser *p, ork_torch_statement *statement, ork_torch_expr *first)
{
    ORK_VEC(ork_torch_expr *) names = {0};
    ork_vec_push(p->arena, &names, first);
    statement->kind = ORK_TORCH_ASSIGN;
    while (accept(p, ',')) {
        statement->kind = ORK_TORCH_UNPACK;
        if (is_symbol(p, '='))
            break;
        ork_torch_expr *name = parse_expr(p);
        if (name == NULL)
            return false;
        ork_vec_push(p->arena, &names, name);
    }
    if (statement->kind == ORK_TORCH_ASSIGN && accept(p, ':') && parse_expr(p) == NULL)
        return false;
    if (!expect(p, '='))
        return false;
    statement->expr = parse_open_tuple(p); /* before the names exist: "x = torch.relu(x)" */
    if (statement->expr == NULL)
        return false;
    for (size_t i = 0; i < names.count; i++)
        if (!take_target(p, statement, names.items[i]))
            return false;
    return true;
}

static bool parse_statement(parser *p, ork_torch_statement *statement)
{
    *statement = (ork_torch_statement){.kind = ORK_TORCH_EVALUATE, .line = p->token.line};
    if (is_word(p, "return")) {
        statement->kind = ORK_TORCH_RETURN;
        advance(p);
        if (p->token.kind == TOKEN_NEWLINE || p->token.kind == TOKEN_END)
            return true;
        statement->expr = parse_expr(p);
        return statement->expr != NULL;
    }
    ork_torch_expr *expr = parse_expr(p);
    if (expr == NULL)
        return false;
    if (is_symbol(p, '=') || is_symbol(p, ',') || is_symbol(p, ':'))
        return parse_assignment(p, statement, expr);
    statement->expr = expr;
    return true;
}

static bool parse_block(parser *p, ptrdiff_t outer, ork_torch_block *block);

/* ":" and an indented block. */
static bool parse_suite(parser *p, ptrdiff_t column, ork_torch_block **block)
{
    *block = ORK_NEW(p->arena, ork_torch_block);
    if (!expect(p, ':'))
        return false;
    if (p->token.kind != TOKEN_NEWLINE && p->token.kind != TOKEN_END)
        return fail_at_token(p, "the end of the line");
    return parse_block(p, column, *block);
}

static bool parse_if(parser *p, ptrdiff_t column, ork_torch_statement *statement)
{
    statement->kind = ORK_TORCH_IF;
    advance(p);
    statement->expr = parse_expr(p);
    if (!statement->expr || !parse_suite(p, column, &statement->body))
        return false;
    if (!is_word(p, "else") || p->token.begin - p->line_begin != column)
        return true;
    advance(p);
    return parse_suite(p, column, &statement->otherwise);
}

static bool parse_while(parser *p, ptrdiff_t column, ork_torch_statement *statement)
{
    statement->kind = ORK_TORCH_WHILE;
    advance(p);
    statement->expr = parse_expr(p);
    return statement->expr && parse_suite(p, column, &statement->body);
}

/* for NAME in range(...) */
static bool parse_for(parser *p, ptrdiff_t column, ork_torch_statement *statement)
{
    int slot;
    statement->kind = ORK_TORCH_FOR;
    advance(p);
    if (p->token.kind != TOKEN_NAME)
        return fail_at_token(p, "a name");
    if (!add_slot(p, token_text(p), &slot))
        return false;
    ork_vec_push(p->arena, &statement->targets, slot);
    advance(p);
    if (!is_word(p, "in"))
        return fail_at_token(p, "'in'");
    advance(p);
    statement->expr = parse_expr(p);
    if (!statement->expr)
        return false;
    if (statement->expr->kind != ORK_TORCH_CALLING ||
        statement->expr->object->kind != ORK_TORCH_GLOBAL ||
        strcmp(statement->expr->object->text, "range") != 0)
        return fail_at_token(p, "the end of range(...)");
    return parse_suite(p, column, &statement->body);
}

/* True when the statement has blocks; *good tells whether they could be read. */
static bool parse_compound(parser *p, ptrdiff_t column, ork_torch_statement *statement, bool *good)
{
    static const struct {
        const char *word;
        bool (*parse)(parser *, ptrdiff_t, ork_torch_statement *);
    } compounds[] = {{"if", parse_if}, {"while", parse_while}, {"for", parse_for}};
    for (size_t i = 0; i < ORK_COUNT(compounds); i++) {
        if (!is_word(p, compounds[i].word))
            continue;
        statement->text = compounds[i].word;
        *good = p->depth < MAX_DEPTH || fail_at_token(p, "less nesting");
        p->depth++;
        *good = *good && compounds[i].parse(p, column, statement);
        p->depth--;
        return true;
    }
    return false;
}

/* Of other control flow nothing behind it is read. */
static bool skip_rest(parser *p, ork_torch_statement *statement)
{
    statement->kind = ORK_TORCH_CONTROL_FLOW;
    p->at = p->end;
    advance(p);
    return true;
}

static bool parse_line(parser *p, ptrdiff_t column, ork_torch_block *block)
{
    ork_torch_statement statement = {.line = p->token.line};
    bool good = true;
    if (is_word(p, "pass")) {
        advance(p);
    } else if (parse_compound(p, column, &statement, &good)) {
        if (good)
            ork_vec_push(p->arena, &block->statements, statement);
        return good;
    } else {
        const char *word = statement.text = control_flow_word(p);
        if (!(word ? skip_rest(p, &statement) : parse_statement(p, &statement)))
            return false;
        ork_vec_push(p->arena, &block->statements, statement);
    }
    if (p->token.kind != TOKEN_NEWLINE && p->token.kind != TOKEN_END)
        return fail_at_token(p, "the end of the line");
    return true;
}

/* Statements that stand further right than `outer`, all in one column. */
static bool parse_block(parser *p, ptrdiff_t outer, ork_torch_block *block)
{
    ptrdiff_t own = -1;
    for (;;) {
        while (p->token.kind == TOKEN_NEWLINE)
            advance(p);
        ptrdiff_t column = p->token.begin - p->line_begin;
        if (p->token.kind == TOKEN_END || column <= outer)
            return own >= 0 || p->token.kind == TOKEN_END || fail_at_token(p, "an indented line");
        own = own < 0 ? column : own;
        if (column != own)
            return fail_at_token(p, "a line in the column of the one before");
        if (!parse_line(p, column, block))
            return false;
    }
}

static bool parse_parameter(parser *p, ork_torch_function *function)
{
    int slot;
    ork_torch_parameter parameter = {0};
    if (p->token.kind != TOKEN_NAME)
        return fail_at_token(p, "a parameter");
    parameter.name = token_text(p);
    if (ork_map_get(p->locals, parameter.name) != NULL)
        return fail_at_token(p, "another name");
    if (!add_slot(p, parameter.name, &slot))
        return false;
    advance(p);
    if (accept(p, ':') && (parameter.type = parse_expr(p)) == NULL)
        return false;
    if (accept(p, '=') && (parameter.standard = parse_expr(p)) == NULL)
        return false;
    ork_vec_push(p->arena, &function->parameters, parameter);
    return true;
}

/* "def forward(self: C,\n    x: Tensor) -> Tensor:" */
static bool parse_head(parser *p, ork_torch_function *function)
{
    advance(p); /* def */
    advance(p); /* its name */
    if (!expect(p, '('))
        return false;
    while (!is_symbol(p, ')')) {
        if (!parse_parameter(p, function))
            return false;
        if (!accept(p, ','))
            break;
    }
    if (!expect(p, ')'))
        return false;
    if (accept(p, '>') && parse_expr(p) == NULL)
        return false;
    return expect(p, ':');
}

bool ork_torch_parse_function(ork_diag *diag, ork_arena *arena, ork_torch_function *function)
{
    if (function->is_parsed)
        return true;
    parser p = {.diag = diag,
                .arena = arena,
                .file = function->file,
                .at = function->begin,
                .end = function->end,
                .line = function->line,
                .line_begin = function->begin,
                .locals = ork_map_new(arena)};
    advance(&p);
    if (!parse_head(&p, function) || !parse_block(&p, -1, &function->body))
        return false;
    function->slot_count = p.slot_count;
    function->is_parsed = true;
    return true;
}

/* ---- class attributes ------------------------------------------------------------------ */

ork_torch_expr *ork_torch_class_constant(ork_diag *diag, ork_arena *arena,
                                         const ork_torch_class *owner, const char *name)
{
    size_t length = strlen(name);
    const char *at = owner->begin;
    for (uint32_t line = owner->line; at < owner->end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(owner->end - at));
        const char *end = newline != NULL ? newline : owner->end;
        if ((size_t)(end - at) > length + 2 && !memcmp(at, "  ", 2) &&
            !memcmp(at + 2, name, length) && !memcmp(at + 2 + length, " ", 1)) {
            parser p = {.diag = diag,
                        .arena = arena,
                        .file = owner->file,
                        .at = at,
                        .end = end,
                        .line = line,
                        .line_begin = at,
                        .locals = ork_map_new(arena)};
            advance(&p);
            advance(&p);
            if (accept(&p, ':') && parse_expr(&p) != NULL && accept(&p, '='))
                return parse_expr(&p);
            return NULL;
        }
        at = end + 1;
    }
    return NULL;
}
