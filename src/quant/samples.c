/* SPDX-License-Identifier: Apache-2.0 */
/* Runs over a dataset. */
#include "internal.h"

/* The last sample's error says why. */
static bool none_usable(ork_diag *diag, size_t count)
{
    const ork_error *error = ork_diag_error(diag);
    ork_str where = {0}, why = {0}, fix = {0};
    ork_str_printf(&where, "%s", error->where);
    ork_str_printf(&why, "%s%s%s", error->what, *error->why ? "; " : "", error->why);
    ork_str_printf(&fix, "%s", error->fix);
    ork_fail(diag, ORK_ERR_DATASET_EMPTY, "none of the %zu samples can be used", count);
    ork_where(diag, "%s", where.text);
    ork_why(diag, "%s", why.text);
    ork_fix(diag, "%s", fix.text);
    ork_str_free(&where);
    ork_str_free(&why);
    ork_str_free(&fix);
    return false;
}

/* False when the failure is no fault of the sample. */
static bool tell_skipped(ork_diag *diag, bool quiet)
{
    const ork_error *error = ork_diag_error(diag);
    if (ork_diag_error_id(diag) == ORK_ERR_OUT_OF_MEMORY)
        return false;
    if (!quiet)
        ork_log(diag, ORK_LOG_WARNING, "skipped %s: %s%s%s", error->where, error->what,
                *error->why ? "; " : "", error->why);
    return true;
}

bool ork_samples_run(ork_diag *diag, const ork_graph *graph, ork_dataset *dataset,
                     const ork_sample_span *span, ork_runner *runner, void (*after)(void *user),
                     void *user)
{
    size_t count = (span->end - span->begin + span->step - 1) / span->step, used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ork_progress(diag, span->stage, i, count))
            return false;
        if (!ork_dataset_feed(dataset, diag, span->begin + i * span->step, runner, graph)) {
            if (!tell_skipped(diag, span->quiet))
                return false;
            continue;
        }
        ork_runner_run(runner);
        if (after)
            after(user);
        used++;
    }
    if (used == 0)
        return none_usable(diag, count);
    ork_diag_clear(diag);
    if (used < count && !span->quiet)
        ork_log(diag, ORK_LOG_WARNING, "skipped %zu of %zu samples", count - used, count);
    return ork_progress(diag, span->stage, count, count);
}
