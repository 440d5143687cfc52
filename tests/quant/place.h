/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of random samples, for tests of quantization. Before it, a test defines SAMPLES, SIDE
   (of the pictures, of three channels), and fill_sample(index, data). */
#ifndef PLACE_H
#define PLACE_H

typedef struct place {
    char folder[64];
    ork_diag *diag;
    ork_dataset *dataset;
} place;

static void write_sample(place *p, int index, ork_str *list)
{
    static float data[SIDE * SIDE * 3];
    char path[128];
    fill_sample(index, data);
    snprintf(path, sizeof(path), "%s/%d.npy", p->folder, index);
    ork_tensor tensor = {ork_type_of(ORK_F32, 4, (int64_t[]){1, SIDE, SIDE, 3}), data};
    assert_true(ork_npy_write(p->diag, path, &tensor));
    ork_str_printf(list, "%d.npy\n", index);
}

static int set_up(void **state)
{
    place *p = calloc(1, sizeof(*p));
    ork_str list = {0};
    char path[128];
    strcpy(p->folder, "/tmp/ork-quant-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->diag = ork_diag_new();
    for (int i = 0; i < SAMPLES; i++)
        write_sample(p, i, &list);
    snprintf(path, sizeof(path), "%s/list.txt", p->folder);
    p->dataset =
        ork_dataset_read(p->diag, path, (ork_bytes){(const uint8_t *)list.text, list.length}, 1);
    assert_non_null(p->dataset);
    ork_str_free(&list);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    place *p = *state;
    char command[160];
    snprintf(command, sizeof(command), "rm -r '%s'", p->folder);
    ork_dataset_free(p->dataset);
    ork_diag_free(p->diag);
    int result = system(command);
    free(p);
    return result;
}

#endif
