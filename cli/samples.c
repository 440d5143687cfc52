/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of pictures in place of a list of samples. */
#include "cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names stand in quotes of the kind that they do not hold themselves. */
static int write_list(ork_cli *cli, FILE *file, const ork_cli_list *pictures)
{
    for (int i = 0; i < pictures->count; i++) {
        char whole[PATH_MAX];
        bool good = realpath(pictures->items[i], whole) != NULL;
        char quote = good && strchr(whole, '"') ? '\'' : '"';
        if (!good || strchr(whole, '\n') || strchr(whole, quote))
            return ork_cli_fail(cli, "E0402", pictures->items[i],
                                "it holds both kinds of quotes, or the end of a line",
                                "rename the picture or its folder",
                                "the name of a picture cannot stand in a list");
        fprintf(file, "%c%s%c\n", quote, whole, quote);
    }
    return 0;
}

/* Lists the folder's pictures in a temporary file, whose name goes to *list. */
static int list_folder(ork_cli *cli, const char *folder, const char **list)
{
    ork_cli_list pictures = {0};
    if (!ork_cli_list_pictures(folder, &pictures))
        return ork_cli_fail(cli, "E0401", folder, NULL, "check the path and its permissions",
                            "the folder cannot be read");
    if (!pictures.count)
        return ork_cli_fail(cli, "E0403", folder, "only .jpg .jpeg .png .bmp count", NULL,
                            "no pictures are in the folder");
    const char *temporary = getenv("TMPDIR");
    char *path =
        ork_cli_format("%s/ork-dataset-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    int handle = mkstemp(path);
    FILE *file = handle < 0 ? NULL : fdopen(handle, "w");
    if (!file)
        return ork_cli_fail(cli, "E0102", path, NULL, NULL, "a temporary file cannot be written");
    *list = path;
    int code = write_list(cli, file, &pictures);
    if (fclose(file) != 0 && !code)
        code = ork_cli_fail(cli, "E0102", path, NULL, NULL, "a temporary file cannot be written");
    return code;
}

int ork_cli_list_samples(ork_cli *cli, const char *path, const char **list)
{
    *list = path;
    return path && ork_cli_is_folder(path) ? list_folder(cli, path, list) : 0;
}

void ork_cli_drop_list(const char *path, const char *list)
{
    if (list != path)
        unlink(list);
}
