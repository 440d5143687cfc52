/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of *.quantization.cfg: the part of YAML that the vendor's toolkit and people write
   there. A line is a key with a value or without; what stands deeper belongs to the key above. */
#include "hybrid.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    ork_diag *diag;
    ork_arena *arena;
    ork_hybrid_config *config;
    size_t line;
    const char *section; /* key of the first level */
    const char *field;   /* of the tensor at work */
    size_t tensor_depth;
} reader;

static bool fail(const reader *r, const char *what, const char *why)
{
    ork_fail(r->diag, ORK_ERR_HYBRID, "%s in line %zu of the configuration", what, r->line);
    ork_why(r->diag, "%s", why);
    return ork_fix(r->diag,
                   "write it as hybrid_quantization_step1() does: 'conv2_3: float32' under "
                   "customized_quantize_layers");
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A word with or without quotes, up to a colon, comma, closing bracket or the end. NULL when quotes
   are not closed. */
static const char *read_word(const reader *r, const char **at)
{
    const char *begin = skip_blanks(*at);
    size_t length = 0;
    if (*begin == '\'' || *begin == '"') {
        const char quote = *begin++;
        const char *end = strchr(begin, quote);
        if (!end)
            return NULL;
        *at = end + 1;
        length = (size_t)(end - begin);
    } else {
        while (begin[length] && !strchr(",]}", begin[length]) &&
               !(begin[length] == ':' && (!begin[length + 1] || begin[length + 1] == ' ')))
            length++;
        *at = begin + length;
        while (length > 0 && isspace((unsigned char)begin[length - 1]))
            length--;
    }
    char *word = ork_arena_alloc(r->arena, length + 1);
    memcpy(word, begin, length);
    return word;
}

static bool take_field(reader *r, const char *value)
{
    ork_hybrid_tensor *tensor = &r->config->tensors.items[r->config->tensors.count - 1];
    const bool is_min = strcmp(r->field, "min_value") == 0;
    if (!is_min && strcmp(r->field, "max_value") != 0)
        return true; /* scale, zero point and the like follow from the range */
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *skip_blanks(end) || !(number > -1e30 && number < 1e30))
        return fail(r, "a range that is no number", value);
    bool *known = is_min ? &tensor->has_min : &tensor->has_max;
    double *extreme = is_min ? &tensor->min : &tensor->max;
    if (!*known || (is_min ? number < *extreme : number > *extreme))
        *extreme = number; /* of all channels, where there is a number for each */
    *known = true;
    return true;
}

/* key: value, of the section. */
static bool take(reader *r, const char *key, const char *value)
{
    if (strcmp(r->section, "customized_quantize_layers") == 0) {
        ork_hybrid_layer layer = {key, value, r->line};
        if (!*value)
            return fail(r, "a layer without a type", key);
        ork_vec_push(r->arena, &r->config->layers, layer);
        return true;
    }
    if (strcmp(r->section, "quantize_parameters") != 0)
        return true;
    if (r->config->tensors.count == 0)
        return fail(r, "a parameter without a tensor", key);
    r->field = key;
    return !*value || take_field(r, value);
}

static bool start_tensor(reader *r, const char *key)
{
    ork_hybrid_tensor tensor = {.key = *key == '@' ? key + 1 : key, .line = r->line};
    ork_vec_push(r->arena, &r->config->tensors, tensor);
    r->field = "";
    return true;
}

/* A word, or words in brackets: [a, b]. */
static bool read_words(reader *r, const char *key, const char **at)
{
    const bool listed = **at == '[';
    *at += listed;
    for (;;) {
        const char *word = read_word(r, at);
        if (!word)
            return fail(r, "quotes that are not closed", key);
        if (!take(r, key, word))
            return false;
        if (!listed)
            return true;
        *at = skip_blanks(*at);
        if (**at != ',' && **at != ']')
            return fail(r, "brackets that are not closed", key);
        if (*(*at)++ == ']')
            return true;
    }
}

/* What follows a colon on the same line: {a: b, c: [d]}, [d] or a word. */
static bool read_value(reader *r, const char *key, const char *at, int depth)
{
    at = skip_blanks(at);
    if (*at == '{') {
        at = skip_blanks(at + 1);
        while (*at != '}') {
            const char *inner = read_word(r, &at);
            at = skip_blanks(at);
            if (!inner || *at != ':' || depth > 2)
                return fail(r, "something that cannot be read", key);
            at = skip_blanks(at + 1);
            if (!read_words(r, inner, &at))
                return false;
            at = skip_blanks(at);
            if (*at == ',')
                at = skip_blanks(at + 1);
            else if (*at != '}')
                return fail(r, "brackets that are not closed", key);
        }
        return true;
    }
    return read_words(r, key, &at);
}

static bool read_line(reader *r, const char *line)
{
    const size_t depth = strspn(line, " ");
    const char *at = line + depth;
    if (!*at || *at == '#' || *at == '%' || strcmp(at, "---") == 0)
        return true;
    if (*at == '-' && (at[1] == ' ' || at[1] == '\t')) { /* an item of the list of a field */
        at = skip_blanks(at + 1);
        const char *item = read_word(r, &at);
        if (!item || !*r->field || r->config->tensors.count == 0)
            return fail(r, "an item of no list", line);
        return take_field(r, item);
    }
    const char *key = read_word(r, &at);
    if (!key)
        return fail(r, "quotes that are not closed", line);
    if (*(at = skip_blanks(at)) != ':')
        return fail(r, "no colon", line);
    at = skip_blanks(at + 1);
    if (depth == 0) {
        r->section = key;
        r->tensor_depth = 0;
        if (strcmp(key, "model_checksum") == 0) {
            r->config->checksum = read_word(r, &at);
            return r->config->checksum || fail(r, "quotes that are not closed", line);
        }
        return !*at || *at == '{' ? !*at || read_value(r, key, at, 1) : true;
    }
    if (strcmp(r->section, "quantize_parameters") == 0 &&
        (!r->tensor_depth || depth <= r->tensor_depth)) {
        r->tensor_depth = depth;
        return start_tensor(r, key) && (!*at || read_value(r, key, at, 1));
    }
    return *at ? read_value(r, key, at, 1) : take(r, key, "");
}

bool ork_hybrid_read(ork_diag *diag, ork_arena *arena, const char *text, ork_hybrid_config *config)
{
    reader r = {.diag = diag, .arena = arena, .config = config, .section = "", .field = ""};
    *config = (ork_hybrid_config){.checksum = ""};
    while (*text) {
        const size_t length = strcspn(text, "\n");
        char *line = ork_arena_alloc(arena, length + 1);
        memcpy(line, text, length);
        for (size_t end = length; end > 0 && isspace((unsigned char)line[end - 1]);)
            line[--end] = '\0';
        r.line++;
        if (!read_line(&r, line))
            return false;
        text += length + (text[length] == '\n');
    }
    return true;
}
