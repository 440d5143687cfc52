/* SPDX-License-Identifier: Apache-2.0 */
/* A program in what C99 and C++11 have in common: it uses openrknn.h as others do. Takes a network
   in its text form, and a file to write. */
#include <openrknn/openrknn.h>

#include <stdio.h>
#include <string.h>

static int lines, steps;

static void on_log(void *user, ork_log_level level, const char *text)
{
    (void)level;
    lines += user == (void *)&lines && *text != 0;
}

static bool on_progress(void *user, const char *stage, uint64_t done, uint64_t total)
{
    steps += user == (void *)&steps && *stage != 0 && done <= total;
    return true;
}

/* An older program's options are shorter. */
static int is_growable(ork_model *model)
{
    ork_estimate_options options = ORK_OPTIONS_INIT(ork_estimate_options);
    options.target = "rk9999"; /* beyond what it says there is */
    options.size = sizeof(options.size);
    return ork_model_estimate(model, &options) != NULL;
}

int main(int argc, char **argv)
{
    ork_model *model = ork_model_new();
    ork_build_options build = ORK_OPTIONS_INIT(ork_build_options);
    ork_session_options run = ORK_OPTIONS_INIT(ork_session_options);
    run.threads = 2;
    ork_model_set_log(model, on_log, &lines, ORK_LOG_DEBUG);
    ork_model_set_progress(model, on_progress, &steps);
    int good = argc == 3 && ork_model_load(model, argv[1], NULL) &&
               ork_model_build(model, &build) && is_growable(model);
    ork_session *session = good ? ork_session_new(model, &run) : NULL;
    good = session && ork_session_threads(session) == 2 && ork_model_export(model, argv[2]);
    if (!good)
        fprintf(stderr, "%s: %s\n", ork_model_error(model)->id, ork_model_error(model)->what);
    const int refused = !ork_model_load(model, "/nowhere/net.pt", NULL);
    const ork_error *error = ork_model_error(model);
    good = good && refused && strcmp(error->id, "E0101") == 0 && *error->what && *error->fix;
    printf("%s %d lines\n", ork_version(), lines);
    ork_session_free(session);
    ork_model_free(model);
    return good && lines > 0 ? 0 : 1;
}
