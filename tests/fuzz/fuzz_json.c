/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ork_str write_text(const ork_json *value, int indent)
{
    ork_str text = {0};
    ork_json_writer writer = ork_json_writer_new(&text, indent);
    ork_json_put(&writer, value);
    ork_json_finish(&writer);
    return text;
}

/* What was read, written, read and written again must be the same text. */
static void check_round_trip(ork_diag *diag, ork_arena *arena, const ork_json *value)
{
    ork_str indented = write_text(value, 2), first = write_text(value, 0);
    ork_bytes bytes = {(const uint8_t *)indented.text, indented.length};
    const ork_json *again = ork_json_read(diag, arena, bytes);
    if (!again)
        abort();
    ork_str second = write_text(again, 0);
    if (strcmp(first.text, second.text) != 0)
        abort();
    ork_str_free(&indented);
    ork_str_free(&first);
    ork_str_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_diag *diag = ork_diag_new();
    ork_arena *arena = ork_arena_new();
    ork_json *value = ork_json_read(diag, arena, (ork_bytes){data, size});
    if (ork_arena_size(arena) > 8192 + 400 * size) /* memory follows the input */
        abort();
    if (value)
        check_round_trip(diag, arena, value);
    else if (ork_diag_error_id(diag) != ORK_ERR_JSON)
        abort();
    ork_arena_free(arena);
    ork_diag_free(diag);
    return 0;
}
