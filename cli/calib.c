/* SPDX-License-Identifier: Apache-2.0 */
/* What calibration pictures hold, and a choice among many. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    ork_cli_model_values model;
    const char *output;
    int count, alike;
    bool all;
} values;
_Static_assert(sizeof(values) <= ORK_CLI_VALUES_SIZE, "room for the options");

const ork_cli_option ork_cli_calib_options[] = {
    {"count", 'n', ORK_CLI_INT, "N", "sample: how many pictures to choose (default 100)",
     offsetof(values, count), 1, 1000000},
    {"output", 'o', ORK_CLI_TEXT, "LIST", "sample: where to write the list",
     offsetof(values, output), 0, 0},
    {"alike", 0, ORK_CLI_INT, "BITS",
     "bits of 64 in which the fingerprints of near duplicates may differ (default 4)",
     offsetof(values, alike), 1, 32},
    {"all", 'a', ORK_CLI_FLAG, NULL, "inspect: name every picture of a kind, not only the first",
     offsetof(values, all), 0, 0},
    {0},
};

/* ---- kinds ---- */

static bool is_broken(const ork_survey_picture *picture)
{
    return *picture->problem;
}

static bool is_twin(const ork_survey_picture *picture)
{
    return picture->twin >= 0;
}

static bool is_blank(const ork_survey_picture *picture)
{
    return picture->width && picture->blank;
}

static bool is_dark(const ork_survey_picture *picture)
{
    return picture->width && picture->dark && !picture->blank;
}

static bool is_bright(const ork_survey_picture *picture)
{
    return picture->width && picture->bright && !picture->blank;
}

static bool is_gray(const ork_survey_picture *picture)
{
    return picture->width && picture->gray;
}

static const struct {
    const char *key, *title;
    bool (*has)(const ork_survey_picture *picture);
} kinds[] = {
    {"broken", "cannot be used", is_broken}, {"near_duplicates", "near duplicates", is_twin},
    {"blank", "show nothing", is_blank},     {"dark", "very dark", is_dark},
    {"bright", "very bright", is_bright},    {"gray", "without colour", is_gray},
};

static int count_kind(const ork_survey *survey, size_t kind)
{
    const ork_survey_picture *picture;
    int count = 0;
    for (int i = 0; (picture = ork_survey_at(survey, i)); i++)
        count += kinds[kind].has(picture);
    return count;
}

/* ---- sizes and formats ---- */

typedef struct extent {
    int least_width, least_height, most_width, most_height, pictures;
} extent;

static void widen(int value, bool first, int *least, int *most)
{
    *least = first || value < *least ? value : *least;
    *most = first || value > *most ? value : *most;
}

static extent measure(const ork_survey *survey)
{
    const ork_survey_picture *picture;
    extent all = {0};
    for (int i = 0; (picture = ork_survey_at(survey, i)); i++) {
        if (!picture->width)
            continue;
        widen(picture->width, !all.pictures, &all.least_width, &all.most_width);
        widen(picture->height, !all.pictures, &all.least_height, &all.most_height);
        all.pictures++;
    }
    return all;
}

static int count_format(const ork_survey *survey, const char *format)
{
    const ork_survey_picture *picture;
    int count = 0;
    for (int i = 0; (picture = ork_survey_at(survey, i)); i++)
        count += strcmp(picture->format, format) == 0;
    return count;
}

static const char *const formats[] = {"JPEG", "PNG", "BMP", "NPY"};

/* ---- inspect ---- */

static void say_member(const ork_cli *cli, const ork_survey *survey, const ork_survey_picture *one)
{
    const ork_survey_picture *twin = ork_survey_at(survey, one->twin);
    const char *more = *one->problem ? one->problem
                       : twin        ? ork_cli_format("looks like %s", twin->path)
                                     : "";
    ork_cli_say((ork_cli *)cli, "    %s%s%s", one->path, *more ? ": " : "", more);
}

static void say_kind(ork_cli *cli, const ork_survey *survey, size_t kind, bool all)
{
    enum { SHOWN = 5 };
    const ork_survey_picture *picture;
    int count = count_kind(survey, kind), shown = 0;
    if (count)
        ork_cli_say(cli, "  %s: %d", kinds[kind].title, count);
    for (int i = 0; (picture = ork_survey_at(survey, i)) && (all || shown < SHOWN); i++)
        if (kinds[kind].has(picture)) {
            say_member(cli, survey, picture);
            shown++;
        }
    if (shown < count)
        ork_cli_say(cli, "    ... and %d more", count - shown);
}

static void say_survey(ork_cli *cli, const ork_survey *survey, bool all)
{
    extent sizes = measure(survey);
    const char *text = ork_cli_format("%d files", ork_survey_count(survey)), *advice;
    for (size_t i = 0; i < ORK_CLI_COUNT(formats); i++)
        if (count_format(survey, formats[i]))
            text = ork_cli_format("%s, %d %s", text, count_format(survey, formats[i]), formats[i]);
    ork_cli_say(cli, "%s", text);
    if (sizes.pictures)
        ork_cli_say(cli, "  sizes: %d to %d pixels wide, %d to %d high", sizes.least_width,
                    sizes.most_width, sizes.least_height, sizes.most_height);
    for (size_t kind = 0; kind < ORK_CLI_COUNT(kinds); kind++)
        say_kind(cli, survey, kind, all);
    ork_cli_say(cli, "\nAdvice");
    for (int i = 0; (advice = ork_survey_advice(survey, i)); i++)
        ork_cli_say(cli, "  %s", advice);
}

static void picture_to_json(const ork_survey *survey, const ork_survey_picture *picture,
                            ork_cli_json *json)
{
    const ork_survey_picture *twin = ork_survey_at(survey, picture->twin);
    ork_cli_json_open(json, NULL, '{');
    ork_cli_json_text(json, "file", picture->path);
    ork_cli_json_text(json, "format", picture->format);
    if (picture->width) {
        ork_cli_json_number(json, "width", picture->width);
        ork_cli_json_number(json, "height", picture->height);
        ork_cli_json_number(json, "brightness", picture->brightness);
        ork_cli_json_number(json, "contrast", picture->contrast);
    }
    for (size_t kind = 0; kind < ORK_CLI_COUNT(kinds); kind++)
        if (kinds[kind].has(picture))
            ork_cli_json_bool(json, kinds[kind].key, true);
    if (*picture->problem)
        ork_cli_json_text(json, "problem", picture->problem);
    if (twin)
        ork_cli_json_text(json, "looks_like", twin->path);
    ork_cli_json_close(json, '}');
}

static void survey_to_json(const ork_cli *cli, const ork_survey *survey)
{
    const ork_survey_picture *picture;
    const char *advice;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_number(&json, "files", ork_survey_count(survey));
    for (size_t kind = 0; kind < ORK_CLI_COUNT(kinds); kind++)
        ork_cli_json_number(&json, kinds[kind].key, count_kind(survey, kind));
    ork_cli_json_open(&json, "advice", '[');
    for (int i = 0; (advice = ork_survey_advice(survey, i)); i++)
        ork_cli_json_text(&json, NULL, advice);
    ork_cli_json_close(&json, ']');
    ork_cli_json_open(&json, "pictures", '[');
    for (int i = 0; (picture = ork_survey_at(survey, i)); i++)
        picture_to_json(survey, picture, &json);
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int inspect(ork_cli *cli, const ork_survey *survey)
{
    const values *v = cli->values;
    if (cli->json)
        survey_to_json(cli, survey);
    else
        say_survey(cli, survey, v->all);
    return 0;
}

/* ---- sample ---- */

/* How the list names a picture: from the list's folder, or else by its whole path. NULL when a list
   cannot say it. */
static const char *list_name(const char *folder, const char *path)
{
    char *whole = realpath(path, NULL);
    size_t length = strlen(folder);
    const char *name = whole ? whole : path;
    bool inside = strncmp(name, folder, length) == 0 && name[length] == '/';
    const char *text = ork_cli_format("%s", inside ? name + length + 1 : name);
    free(whole);
    if (!strpbrk(text, " \t\"'#"))
        return strpbrk(text, "\r\n") ? NULL : text;
    const char *quote = strchr(text, '"') ? "'" : "\"";
    bool can_be = !strpbrk(text, "\r\n") && !(strchr(text, '"') && strchr(text, '\''));
    return can_be ? ork_cli_format("%s%s%s", quote, text, quote) : NULL;
}

static const char *folder_of(const char *path)
{
    int length = (int)(ork_cli_base_name(path) - path);
    char *whole = realpath(length ? ork_cli_format("%.*s", length, path) : ".", NULL);
    const char *folder = ork_cli_format("%s", whole ? whole : "");
    free(whole);
    return folder;
}

static int write_list(ork_cli *cli, const char *path, const ork_survey *survey, const int *chosen,
                      int count)
{
    char *temporary;
    const char *folder = folder_of(path);
    FILE *file = ork_cli_create(path, &temporary);
    bool good = file;
    for (int i = 0; i < count && good; i++) {
        const char *picture = ork_survey_at(survey, chosen[i])->path;
        const char *name = list_name(folder, picture);
        if (!name) {
            ork_cli_finish(file, path, temporary, false);
            return ork_cli_fail(
                cli, "E0402", picture, NULL, "rename the picture",
                "a list cannot hold a name with both kinds of quotes or a line end");
        }
        good = fprintf(file, "%s\n", name) > 0;
    }
    good = file && ork_cli_finish(file, path, temporary, good);
    return good ? 0
                : ork_cli_fail(cli, "E0102", path, strerror(errno), NULL,
                               "the list cannot be written");
}

static void sample_to_json(const ork_cli *cli, const ork_survey *survey, const int *chosen,
                           int count)
{
    const values *v = cli->values;
    ork_cli_json json;
    ork_cli_json_start(&json, cli);
    ork_cli_json_text(&json, "list", v->output);
    ork_cli_json_open(&json, "chosen", '[');
    for (int i = 0; i < count; i++)
        ork_cli_json_text(&json, NULL, ork_survey_at(survey, chosen[i])->path);
    ork_cli_json_close(&json, ']');
    ork_cli_json_end(&json, stdout);
}

static int sample(ork_cli *cli, const ork_survey *survey)
{
    const values *v = cli->values;
    int wanted = v->count ? v->count : 100, all = ork_survey_count(survey);
    int *chosen = ork_cli_alloc(sizeof(*chosen) * ((size_t)wanted + 1));
    int count = ork_survey_sample(survey, wanted, chosen);
    if (!count)
        return ork_cli_fail(cli, "E0403", NULL, NULL, "see ork calib inspect",
                            "none of the %d files is a picture that can be used", all);
    int code = write_list(cli, v->output, survey, chosen, count);
    if (code)
        return code;
    if (cli->json)
        sample_to_json(cli, survey, chosen, count);
    ork_cli_say(cli, "%d of %d pictures chosen, written to %s", count, all, v->output);
    if (count < wanted && !cli->json)
        ork_cli_warn(cli, "there are only %d different pictures", count);
    return 0;
}

/* ---- the verb ---- */

static const struct {
    const char *name;
    int (*run)(ork_cli *cli, const ork_survey *survey);
    bool writes;
} actions[] = {{"inspect", inspect, false}, {"sample", sample, true}};

static int run_action(ork_cli *cli, size_t action)
{
    const values *v = cli->values;
    if (actions[action].writes && !v->output)
        return ork_cli_fail(cli, "E0004", NULL, NULL, "give -o LIST",
                            "there is no place for the list");
    int code = ork_cli_check_output(cli, v->output, false);
    ork_model *model = code ? NULL : ork_cli_new_model(cli, &v->model, &code);
    if (!model)
        return code;
    ork_survey_options options = ORK_OPTIONS_INIT(ork_survey_options);
    options.alike_bits = v->alike;
    ork_survey *survey =
        ork_survey_new(model, cli->arguments.items + 1, cli->arguments.count - 1, &options);
    code = survey ? actions[action].run(cli, survey) : ork_cli_model_failed(cli, model);
    ork_survey_free(survey);
    ork_model_free(model);
    return code;
}

int ork_cli_calib(ork_cli *cli)
{
    const char *name = cli->arguments.items[0];
    for (size_t i = 0; i < ORK_CLI_COUNT(actions); i++)
        if (strcmp(name, actions[i].name) == 0)
            return run_action(cli, i);
    return ork_cli_fail(cli, "E0004", NULL, NULL, "write ork calib inspect or ork calib sample",
                        "calib does not know '%s'", name);
}
