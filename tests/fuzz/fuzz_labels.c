/* SPDX-License-Identifier: Apache-2.0 */
/* Files of labels, as `ork detect --labels` reads them. */
#include "../../cli/cli.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_cli_list labels = {0};
    FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
    if (!file)
        return 0;
    ork_cli_list_add_lines(&labels, file);
    fclose(file);
    size_t total = 0;
    for (int i = 0; i < labels.count; i++) {
        if (strpbrk(labels.items[i], "\r\n"))
            abort();
        total += strlen(labels.items[i]);
    }
    if (labels.count < 1 || total > size)
        abort();
    ork_cli_free_all();
    return 0;
}
