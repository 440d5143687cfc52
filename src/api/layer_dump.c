/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of all layers of a run, as the vendor's runtime writes them with NN_LAYER_DUMP=1. */
#include "internal.h"

#include "../quant/quant.h"

#include <stdlib.h>
#include <string.h>

static const char folder[] = "network_dump";

struct layer_dump {
    ork_session *session; /* at work */
    size_t run, layer;
    bool failed;
};

struct layer_dump *layer_dump_new(void)
{
    const char *wanted = getenv("NN_LAYER_DUMP");
    return wanted && *wanted && strcmp(wanted, "0") != 0 ? calloc(1, sizeof(struct layer_dump))
                                                         : NULL;
}

void layer_dump_free(struct layer_dump *dump)
{
    free(dump);
}

static void write_layer(void *user, const ork_observation *seen)
{
    struct layer_dump *dump = user;
    const ork_value *value = seen->value;
    const char *op = value->producer ? ork_op_table[value->producer->op].name : "input";
    ork_arena *arena = ork_arena_new();
    ork_str path = {0};
    ork_str_printf(&path, "%s/%zu_%s.tensor", folder, dump->run,
                   ork_layer_file(arena, op, value->name, dump->layer++, &value->type.shape));
    float *rows = ork_data_alloc((size_t)(seen->count ? seen->count : 1) * sizeof(*rows));
    if (rows && !dump->failed) {
        ork_observation_copy(seen, rows);
        dump->failed = !ork_layer_write(dump->session->diag, path.text, ORK_DUMP_TEXT,
                                        &value->type.shape, rows);
    }
    ork_data_free(rows);
    ork_str_free(&path);
    ork_arena_free(arena);
}

void layer_dump_begin(struct layer_dump *dump, ork_session *session)
{
    if (!dump)
        return;
    dump->session = session;
    dump->layer = 0;
    dump->failed = !ork_folder_make(session->diag, folder);
    ork_runner_observe(session->runner, write_layer, dump);
}

void layer_dump_end(struct layer_dump *dump, ork_session *session)
{
    if (!dump)
        return;
    ork_runner_observe(session->runner, NULL, NULL);
    dump->run++;
    if (dump->failed)
        ork_log(session->diag, ORK_LOG_WARNING, "NN_LAYER_DUMP: %s",
                ork_diag_error(session->diag)->what);
    ork_diag_clear(session->diag);
}
